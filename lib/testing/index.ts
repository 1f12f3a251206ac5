export { FakeClock } from './fake-clock.js';
export { loginAs } from './login-as.js';
export { describeSessionStore } from './store-contract.js';
export type { LoginAsOptions } from './login-as.js';
export type { MakeStore, StoreContractOptions, TestRunner } from './store-contract.js';
