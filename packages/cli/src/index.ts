// What @ruth/cli offers.
export {};
