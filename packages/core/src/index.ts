// What @ruth/core offers.
export {};
