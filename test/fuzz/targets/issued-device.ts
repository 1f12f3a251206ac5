/**
 * What a session and its device have exchanged once, with the secrets of the harness. Written out, because each signature and
 * challenge is another one, and a case that was found must mean the same later.
 */

export const ID = 'A'.repeat(22);

/** The private key of the device. It opens nothing but the sessions of this harness. */
export const DEVICE = {
  kty: 'EC',
  crv: 'P-256',
  x: '0DdhKETaJlzhLkFP3Oe8Ur23h1NIzfVOg8olqupWJJU',
  y: 'haYMxccdzj5W-2TBCR6bh0PcI7ugarF_YsU6OVeYnXY',
  d: 'X5eV6K1OdQx6YzITM1i-ezlhQ8k1Cr3myUKPDe-TOmQ',
} as const;

export const THUMBPRINT = 'DcgRRKoegoi1HVB-3Sb7YPHX9gj5Yx9kFrNc7HwBmBM';

/** Challenges for the session, the last two for its key. The last one was made with the former secret. */
export const REGISTER = 'kNqMaBoU99-dCavqO_OpCw0o5uatc00.Z1Koen5xXI_E25ZVjgQzKLkzD6-ikK8hy0Qg9d7UNfg';
export const REFRESH = 'K_ARaC0PzB176sz7F_yr7g0o5uatc00.ziaT-pGeesNKKdmdOyPeEim9qpsinEre7FWhearxc4Q';
export const OLD_REFRESH = '3_oDqyQstRdBNDGmqvBwzw0o5uas1pc.jtC2A_wWKXc8N4ov5eQmnPYxLGqLRJ5Wha92wylFR20';

/** What the device has signed for them. */
export const REGISTRATION_PROOF =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiMERkaEtFVGFKbHpoTGtGUDNPZThVcjIzaDFOSXpmVk9nOG9scXVwV0pKVSIsInkiOiJoYVlNeGNjZHpqNVctMlRCQ1I2YmgwUGNJN3VnYXJGX1lzVTZPVmVZblhZIn19.eyJqdGkiOiJrTnFNYUJvVTk5LWRDYXZxT19PcEN3MG81dWF0YzAwLloxS29lbjV4WElfRTI1WlZqZ1F6S0xrekQ2LWlrSzhoeTBRZzlkN1VOZmcifQ.Ts8MDab5bFlGoMeoiOApSPLuCJm5ZnCXX0cPZe3YTHopKhGz9nK0P6KWDENbBLX5ZyFp7HzoxnyBF4QRKTZYdw';
export const REFRESH_PROOF =
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJLX0FSYUMwUHpCMTc2c3o3Rl95cjdnMG81dWF0YzAwLnppYVQtcEdlZXNOS0tkbWRPeVBlRWltOXFwc2luRXJlN0ZXaGVhcnhjNFEifQ.9CbBlVKSWErnQQAuYtKE6c9Spe2e3SWOoB8kB2olVweJVxmVMPI7IHwqTGrteVRx9h5itDvdnd4buANCsSBXmg';
