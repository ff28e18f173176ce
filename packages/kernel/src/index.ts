// What @ruth/kernel offers.
export {};
