// What @ruth/server offers.
export {};
