// NTP time stamps (RFC 5905) of the node's wall clock and back, exact to the microsecond, from 1968 to 2104.

const UNIX_EPOCH_S = 2_208_988_800;
const ERA_S = 2 ** 32;

/** `fraction` in 1/2^32 s. */
export interface NtpTime { readonly seconds: number; readonly fraction: number }

export function wallClockToNtp(us: number): NtpTime {
  const wholeS = Math.floor(us / 1e6);
  const fraction = Math.round((us - wholeS * 1e6) * ERA_S / 1e6);
  return { seconds: (wholeS + UNIX_EPOCH_S) % ERA_S, fraction };
}

/** Us UTC. */
export function ntpToWallClock({ seconds, fraction }: NtpTime): number {
  // In 2036 the seconds begin anew.
  const sinceEpochS = (seconds < ERA_S / 2 ? seconds + ERA_S : seconds) - UNIX_EPOCH_S;
  return sinceEpochS * 1e6 + Math.round(fraction * 1e6 / ERA_S);
}
