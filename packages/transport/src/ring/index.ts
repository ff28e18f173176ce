// What transport/ring offers.
export {};
