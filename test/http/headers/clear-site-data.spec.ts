import { addClearSiteData } from '../../../lib/http/headers/clear-site-data.js';
import { unsentResponse } from '../../support/unsent-response.js';

describe('addClearSiteData', () => {
  it('adds to what the application has set, each type once, and nothing where none is chosen', () => {
    const response = unsentResponse();
    addClearSiteData(response, []);
    expect(response.getHeader('Clear-Site-Data')).toBeUndefined();
    response.setHeader('Clear-Site-Data', '"cache", "storage"');
    addClearSiteData(response, ['cookies', 'storage']);
    expect(response.getHeader('Clear-Site-Data')).toBe('"cache", "storage", "cookies"');
  });
});
