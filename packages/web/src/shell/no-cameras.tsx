// Shown where no camera is set up: how to add one.
import { useMay } from '../session.ts';
import { addressOf } from '../view-address.ts';

export function NoCameras() {
  const mayAdminister = useMay('administer');
  return (
    <section className="no-cameras">
      <h2>Add your first camera</h2>
      {mayAdminister ? (
        <>
          <p>A password, a camera, what shall be looked for: in two minutes. The camera is found by the address of its RTSP stream, or by searching the network for those that speak ONVIF.</p>
          <p><a className="button primary" href={addressOf({ name: 'welcome' })}>Set up this node</a></p>
          <p>Or write it into <code>ruth.yaml</code>:</p>
          <pre>{'cameras:\n  - id: front-door\n    name: Front door\n    url: rtsp://user:password@192.168.1.20/stream'}</pre>
        </>
      ) : <p>Whoever administers this node can add one.</p>}
    </section>
  );
}
