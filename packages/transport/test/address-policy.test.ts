// Which addresses are reached on behalf of settings and requests, by whatever name.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { AddressPolicy } from '@ruth/transport';

const NEVER = ['0.0.0.0', '169.254.169.254', '169.254.1.1', '100.100.100.200', 'fe80::1', '::', '::ffff:169.254.169.254', 'fd00:ec2::254', '224.0.0.1', '255.255.255.255', 'ff02::1', 'not an address'];
const THIS_MACHINE = ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'];
const ELSEWHERE = ['192.168.1.20', '10.1.1.1', '93.184.216.34', '2001:db8::1', 'fd12::1'];

const judged = (policy: AddressPolicy, addresses: readonly string[]): boolean[] => addresses.map((address) => policy.mayReach(address));

describe('what may be reached', () => {
  it('is everything but what is link-local, of a cloud or of nobody; this machine for cameras, not for notifications', () => {
    const [cameras, notifications] = [AddressPolicy.forCameras(), AddressPolicy.forNotifications()];
    for (const policy of [cameras, notifications]) {
      assert.deepEqual(judged(policy, NEVER), NEVER.map(() => false));
      assert.deepEqual(judged(policy, ELSEWHERE), ELSEWHERE.map(() => true));
    }
    assert.deepEqual(judged(cameras, THIS_MACHINE), THIS_MACHINE.map(() => true));
    assert.deepEqual(judged(notifications, THIS_MACHINE), THIS_MACHINE.map(() => false));
  });

  it('can be made more and less', () => {
    assert.deepEqual(judged(AddressPolicy.forCameras({ allow: ['169.254.20.0/24'] }), ['169.254.20.7', '169.254.169.254', '10.1.1.1']), [true, false, true]);
    assert.deepEqual(judged(AddressPolicy.forCameras({ only: ['192.168.1.0/24', '2001:db8::/32'], allow: ['::1'] }), ['192.168.1.20', '2001:db8::1', '::1', '192.168.2.20', '127.0.0.1']), [true, true, true, false, false]);
    assert.deepEqual(judged(AddressPolicy.forNotifications(['10.0.0.0/8', '::1']), ['10.1.1.1', '::1', '127.0.0.1']), [true, true, false]);
    for (const wrong of ['10.0.0.0/33', 'door', '1.2.3']) assert.throws(() => AddressPolicy.forCameras({ only: [wrong] }), { code: 'invalid_config', message: /192\.0\.2\.0\/24/ });
  });

  it('is judged by where a name leads, however a number is written, and the judged address is the one that is connected to', async () => {
    const notifications = AddressPolicy.forNotifications();
    for (const url of ['http://2130706433/', 'http://[::1]/', 'http://0x7f.1/']) assert.throws(() => notifications.assertUrl(url), { code: 'forbidden' }, url);
    // Of rtsp: a number stays a name until it is looked up.
    await assert.rejects(AddressPolicy.forCameras().resolve('rtsp://2852039166/'), { code: 'forbidden', message: /2852039166 \(169\.254\.169\.254\)/ });
    await assert.rejects(notifications.resolve('http://localhost/'), { code: 'forbidden', message: /^localhost \(/ });
    assert.match(await AddressPolicy.forCameras().resolve('rtsp://localhost:554/1'), /^(127\.0\.0\.1|::1)$/);

    const server = createServer((socket) => socket.end('here'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = (policy: AddressPolicy): Promise<unknown[]> => once(connect({ host: 'localhost', port, family: 4, lookup: policy.lookup }), 'data');
    try {
      assert.equal(String((await ask(AddressPolicy.forCameras()))[0]), 'here');
      await assert.rejects(ask(notifications), { code: 'forbidden' });
    } finally {
      server.close();
    }
  });
});
