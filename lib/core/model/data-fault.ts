/** Why a key does not fit. */
export interface DataFault {
  readonly key: string;
  /** The path of the value and the rule that it breaks, such as `cart[0].quantity: isInt`. Never a value. */
  readonly detail?: string;
}
