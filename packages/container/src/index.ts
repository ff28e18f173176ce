// What @ruth/container offers.
export {};
