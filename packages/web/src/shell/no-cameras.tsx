// Shown where there is no camera: how to add one, or who can.
import { useMay, useSession } from '../session.ts';
import { addressOf } from '../view-address.ts';

export function NoCameras() {
  const mayAdminister = useMay('administer');
  const session = useSession();
  if (session && !mayAdminister) return <section className="no-cameras"><h2>{session.cameras === null ? 'No camera yet' : 'No camera that you may see'}</h2><p>{withoutCameras(session.cameras !== null)}</p></section>;
  return (
    <section className="no-cameras">
      <h2>Add your first camera</h2>
      {mayAdminister && (
        <>
          <p>A password, a camera, what shall be looked for: in two minutes. The camera is found by the address of its RTSP stream, or by searching the network for those that speak ONVIF.</p>
          <p><a className="button primary" href={addressOf({ name: 'welcome' })}>Set up this node</a></p>
          <p>Or write it into <code>ruth.yaml</code>:</p>
          <pre>{'cameras:\n  - id: front-door\n    name: Front door\n    url: rtsp://user:password@192.168.1.20/stream'}</pre>
        </>
      )}
    </section>
  );
}

/** For whoever cannot add one. `isLimited`: to some cameras. */
export function withoutCameras(isLimited: boolean): string {
  return isLimited ? 'Whoever administers this node says which cameras you may see, and can add some.' : 'Whoever administers this node can add one.';
}
