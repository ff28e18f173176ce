// Shown where no camera is set up: how to add one.

export function NoCameras() {
  return (
    <section className="no-cameras">
      <h2>Add your first camera</h2>
      <p>Start Ruth with the address of an RTSP stream:</p>
      <pre>npx ruth up --camera rtsp://user:password@192.168.1.20/stream</pre>
      <p>or write it into <code>ruth.yaml</code> and start with <code>npx ruth up -c ruth.yaml</code>:</p>
      <pre>{'cameras:\n  - id: front-door\n    name: Front door\n    url: rtsp://user:password@192.168.1.20/stream'}</pre>
      <p>No camera at hand? <code>npm start</code> runs a demo.</p>
    </section>
  );
}
