// What @ruth/core offers.
export * from './gate.ts';
