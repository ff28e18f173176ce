// How messages are framed on a socket: 4 bytes of length, then the message.

/** Longest message in bytes, without its 4 byte length prefix. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
