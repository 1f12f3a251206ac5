import { addClearSiteData } from '../../../lib/http/headers/clear-site-data.js';
import { unsentResponse } from '../../support/unsent-response.js';

describe('addClearSiteData', () => {
  it.each<[string, undefined | string | string[], string[], string | undefined]>([
    ['nothing where no type is chosen', undefined, [], undefined],
    ['nothing to what the application has set where no type is chosen', '"cache"', [], '"cache"'],
    ['the types that are chosen', undefined, ['cookies', 'storage'], '"cookies", "storage"'],
    [
      'each type once to what the application has set',
      '"cache", "storage"',
      ['cookies', 'storage'],
      '"cache", "storage", "cookies"',
    ],
    [
      'each type once to a list',
      ['"cache"', '"storage"'],
      ['storage', 'cookies'],
      '"cache", "storage", "cookies"',
    ],
    ['nothing that is there already', ['"cache"', '"cookies"'], ['cookies'], '"cache", "cookies"'],
  ])('adds %s', (_what, given, types, expected) => {
    const response = unsentResponse();
    if (given !== undefined) response.setHeader('Clear-Site-Data', given);
    addClearSiteData(response, types);
    expect(response.getHeader('Clear-Site-Data')).toEqual(expected);
  });
});
