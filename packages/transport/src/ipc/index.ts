// What transport/ipc offers.
export {};
