// Messages between processes: length-prefixed JSON over Unix sockets.
export { IpcClient, type IpcClientOptions, type RequestOptions } from './client.ts';
export { encodeMessage, MessageDecoder, type DecodedMessage } from './framing.ts';
export { IpcServer, type IpcServerCounters, type IpcServerOptions } from './server.ts';
export { claimSocketPath, listenOnSocket } from './socket-path.ts';
