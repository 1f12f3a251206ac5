import ts from 'typescript';
import { COUNTERS } from './counters.js';

const NAME = '$reached';

/**
 * JavaScript with a counter at the beginning of each function, block, clause and branch of an expression.
 *
 * @param reserve returns the index of the next counter
 */
export function instrument(code: string, reserve: () => number): string {
  const source = ts.createSourceFile('source.js', code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const { transformed } = ts.transform(source, [(context) => (file) => visited(file, context, reserve)]);
  return `const ${NAME} = ${COUNTERS};\n${ts.createPrinter().printFile(transformed[0]!)}`;
}

function visited(
  file: ts.SourceFile,
  context: ts.TransformationContext,
  reserve: () => number,
): ts.SourceFile {
  const { factory } = context;

  const counted = (): ts.Expression =>
    factory.createPostfixIncrement(
      factory.createElementAccessExpression(factory.createIdentifier(NAME), reserve()),
    );
  const first = (): ts.Statement => factory.createExpressionStatement(counted());
  const branch = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(factory.createComma(counted(), expression));
  const block = (statement: ts.Statement): ts.Statement =>
    ts.isBlock(statement) ? statement : factory.createBlock([first(), statement]);

  const visit = (node: ts.Node): ts.Node => {
    const seen = ts.visitEachChild(node, visit, context);
    if (ts.isBlock(seen)) return factory.updateBlock(seen, [first(), ...seen.statements]);
    if (ts.isCaseClause(seen))
      return factory.updateCaseClause(seen, seen.expression, [first(), ...seen.statements]);
    if (ts.isDefaultClause(seen)) return factory.updateDefaultClause(seen, [first(), ...seen.statements]);
    if (ts.isIfStatement(seen))
      return factory.updateIfStatement(
        seen,
        seen.expression,
        block(seen.thenStatement),
        seen.elseStatement && block(seen.elseStatement),
      );
    if (ts.isForStatement(seen))
      return factory.updateForStatement(
        seen,
        seen.initializer,
        seen.condition,
        seen.incrementor,
        block(seen.statement),
      );
    if (ts.isForOfStatement(seen))
      return factory.updateForOfStatement(
        seen,
        seen.awaitModifier,
        seen.initializer,
        seen.expression,
        block(seen.statement),
      );
    if (ts.isForInStatement(seen))
      return factory.updateForInStatement(seen, seen.initializer, seen.expression, block(seen.statement));
    if (ts.isWhileStatement(seen))
      return factory.updateWhileStatement(seen, seen.expression, block(seen.statement));
    if (ts.isConditionalExpression(seen))
      return factory.updateConditionalExpression(
        seen,
        seen.condition,
        seen.questionToken,
        branch(seen.whenTrue),
        seen.colonToken,
        branch(seen.whenFalse),
      );
    if (ts.isBinaryExpression(seen) && SHORT.has(seen.operatorToken.kind))
      return factory.updateBinaryExpression(seen, seen.left, seen.operatorToken, branch(seen.right));
    if (ts.isArrowFunction(seen) && !ts.isBlock(seen.body))
      return factory.updateArrowFunction(
        seen,
        seen.modifiers,
        seen.typeParameters,
        seen.parameters,
        seen.type,
        seen.equalsGreaterThanToken,
        branch(seen.body),
      );
    return seen;
  };
  return ts.visitEachChild(file, visit, context);
}

/** Operators whose right side is evaluated or not. */
const SHORT: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);
