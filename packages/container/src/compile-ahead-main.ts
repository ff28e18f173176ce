// Loads what a container and its sessions load, and ends: Node keeps what it compiled. See service/compile-ahead.ts.
import { flushCompileCache } from 'node:module';
import './container-main.ts';
import './main.ts';
import './session/custom-session.ts';
import './session/model-session.ts';
import './session/onnx-session.ts';
import './session/worker.ts';

flushCompileCache();
