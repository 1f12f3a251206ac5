/**
 * Cookies that were sealed once with the secrets of the harness, with their content. Written out, because each sealing
 * gives another value, and a case that was found must mean the same later.
 */

/** Until when they are valid, in milliseconds since the epoch. */
export const ISSUED_UNTIL = Date.UTC(2030, 0, 1, 1);

export const ISSUED_SEALED: [value: string, content: string][] = [
  ['v1.qeUiVxmd.gCL9jcm5CRy8Pnmhi-eEE5OzrYKt6Owu3XM9dEVwH7FocjUV9-O3gYhRGTSrm4-M', '{"user":"alice"}'],
  ['v1.LNFLbBSV.NMpg8tWP8e1w1_FuW5pFRAMh0dTHuuQYKMtZ7-Hgg65bGCJR5iPPltz_GPNfIg', '{"user":"bob"}'],
  ['v1.qeUiVxmd.MAkALImMXSHASLME2m0IRrdG7WtyoDvIxFC7iAsO-D4', ''],
];

export const ISSUED_LIU: [value: string, content: string][] = [
  [
    'YWxpY2U|1893459600|_5SEML6lyK1cOJ5HE1498d6n5B_O0BK2PlneaC-gtz6YA1qvxEhSGsW3iR7KOwRt|aJJtKWxt_pt91MfiACE0pdueAzfHgU67j2ZtMDiXSXE',
    '{"user":"alice"}',
  ],
  [
    'YWxpY2U|1893459600|L18uVFlCoUumoQsH9UcNW4RfkAi29za_yG4-L74gvcg|7FjShplj1cRQ_HouJ-fcd3S4WKgC0TBRtXGUr1WS4Xw',
    '{"user":"bob"}',
  ],
  [
    'YWxpY2U|1893459600|N2ZzSfqG3-aXuYrCn0Hn_m6o9iCEvoF2kb90dFhrsXU|JwMe3PVlcmCTqyjhBOVyY2um50E65mV33gBLb3oHHTQ',
    '',
  ],
];
