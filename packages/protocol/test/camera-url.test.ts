import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cameraUrlProblem, redactUrls } from '../src/index.ts';

for (const [name, text, shown] of [
  ['user and password', 'rtsp://admin:secret@host:554/stream', 'rtsp://***@host:554/stream'],
  ['a password with @ and /', 'rtsp://admin:p@ss/w@rd@host/stream', 'rtsp://***@host/stream'],
  ['a password with ://', 'rtsp://admin:http://x@host/stream', 'rtsp://***@host/stream'],
  ['a user alone', 'rtsp://admin@host/stream', 'rtsp://***@host/stream'],
  ['several URLs in a text', 'tried rtsp://a:secret@one/x, then "rtsps://b:secret@two/y" (http://c:secret@three)', 'tried rtsp://***@one/x, then "rtsps://***@two/y" (http://***@three)'],
  ['capitals', 'RTSP://Admin:secret@HOST', 'RTSP://***@HOST'],
  ['a line of JSON', '{"msg":"open rtsp://a:secret@h/p failed","url":"rtsp://a:secret@h/p"}', '{"msg":"open rtsp://***@h/p failed","url":"rtsp://***@h/p"}'],
  ['credentials in the query', 'rtsp://h/live?user=admin&password=secret&channel=1', 'rtsp://h/live?user=***&password=***&channel=1'],
  ['credentials in the path', 'rtsp://h:554/user=admin_password=secret_channel=1_stream=0.sdp', 'rtsp://h:554/user=***_password=***_channel=1_stream=0.sdp'],
] as const) {
  test(`A shown URL keeps no credentials: ${name}`, () => assert.equal(redactUrls(text), shown));
}

test('A text without credentials stays as it is', () => {
  for (const text of ['', 'rtsp://host:554/stream?channel=1', 'mail to a@b.c', 'user=x in no URL', 'https://example.org/a and b@c', 'use rtsp://[user:password@]host[:port]/path']) assert.equal(redactUrls(text), text);
});

test('No password that a camera URL may hold survives, wherever in a text the URL stands', () => {
  const password = fc.string({ minLength: 6, maxLength: 20 }).map((text) => text.replace(/[\s"'<>]/g, '_')).filter((text) => !'rtsp://***@host/path failed: again'.includes(text));
  fc.assert(fc.property(password, fc.constantFrom('', 'open ', '"', '(', '{"url":"'), fc.constantFrom('', ' failed: again', '"', ')', '"}'), (secret, before, after) => {
    const shown = redactUrls(`${before}rtsp://user:${secret}@host/path${after}`);
    assert.equal(shown, `${before}rtsp://***@host/path${after}`);
  }), { numRuns: 500 });
});

test('Redacting a long text takes time in proportion to it', () => {
  for (const piece of ['a://', 'a.', 'x@', 'user=_', '_a']) {
    const text = `rtsp://${piece.repeat(100_000)}`;
    assert.ok(redactUrls(text).length <= text.length + 300_000);
  }
});

test('Camera URLs are RTSP with a host', () => {
  for (const url of ['rtsp://host', 'rtsps://user:p%40ss@host:322/a/b?c=d', 'rtsp://[2001:db8::1]:554/x', 'rtsp://user:p@ss@host/x']) assert.equal(cameraUrlProblem(url), null, url);
});

test('What is wrong with a camera URL is said without quoting it', () => {
  for (const [url, problem] of [
    ['http://admin:secret@host/x', /begins with http:\/\/; use rtsp/], ['admin:secret@host', /use rtsp/], ['not a url', /%20/], ['secret', /is not a URL/],
    ['rtsp://admin:secret@host:99999/x', /is not a URL/], ['rtsp:///secret', /no host/], ['rtsp://admin:sec"ret@host/x', /percent-encoded/],
  ] as const) {
    const said = cameraUrlProblem(url);
    assert.match(said!, problem);
    assert.doesNotMatch(said!, /secret|sec"ret/);
  }
});
