// Where a tracked box is and how it moves: Kalman filters in seconds, so that looks may come at any and at uneven
// intervals. Lengths are measured in the box's own width and height, so any unit serves, and pixels need not be square.
// Source of the noise model: continuous white-noise acceleration, Bar-Shalom et al., Estimation, 2001, 6.2.2.
import type { Box } from '@ruth/protocol';

/** All in widths of the box along x, in heights along y. */
export interface MotionNoise {
  /** Standard deviation of a wholly certain detection's centre and size; double at confidence 0. */
  readonly measurement: number;
  /** Standard deviation of a new object's speed, per second. */
  readonly initialSpeed: number;
  /** How restlessly speed changes: its standard deviation after one second. */
  readonly acceleration: number;
  /** How restlessly size changes: its standard deviation after one second. */
  readonly growth: number;
}

export class BoxMotion {
  readonly #noise: MotionNoise;
  readonly #x: MovingValue;
  readonly #y: MovingValue;
  readonly #width: WanderingValue;
  readonly #height: WanderingValue;

  constructor(noise: MotionNoise, [left, top, right, bottom]: Box) {
    this.#noise = noise;
    const width = right - left;
    const height = bottom - top;
    const variance = (size: number): number => (noise.measurement * size) ** 2;
    this.#x = new MovingValue((left + right) / 2, variance(width), (noise.initialSpeed * width) ** 2);
    this.#y = new MovingValue((top + bottom) / 2, variance(height), (noise.initialSpeed * height) ** 2);
    this.#width = new WanderingValue(width, variance(width));
    this.#height = new WanderingValue(height, variance(height));
  }

  predict(elapsedS: number): void {
    const { acceleration, growth } = this.#noise;
    const width = this.#width.value;
    const height = this.#height.value;
    this.#x.predict(elapsedS, (acceleration * width) ** 2);
    this.#y.predict(elapsedS, (acceleration * height) ** 2);
    this.#width.predict(elapsedS, (growth * width) ** 2);
    this.#height.predict(elapsedS, (growth * height) ** 2);
  }

  correct([left, top, right, bottom]: Box, confidence: number): void {
    const width = right - left;
    const height = bottom - top;
    // Confidence tells how far to trust a box: Du et al., GIAOTracker (NSA Kalman), 2021.
    const deviation = this.#noise.measurement * (2 - confidence);
    this.#x.correct((left + right) / 2, (deviation * width) ** 2);
    this.#y.correct((top + bottom) / 2, (deviation * height) ** 2);
    this.#width.correct(width, (deviation * width) ** 2);
    this.#height.correct(height, (deviation * height) ** 2);
  }

  box(): Box {
    const halfWidth = this.#width.value / 2;
    const halfHeight = this.#height.value / 2;
    return [this.#x.value - halfWidth, this.#y.value - halfHeight, this.#x.value + halfWidth, this.#y.value + halfHeight];
  }
}

/** A value with a speed that wanders. */
class MovingValue {
  value: number;
  #speed = 0;
  #variance: number;
  #covariance = 0;
  #speedVariance: number;

  constructor(value: number, variance: number, speedVariance: number) {
    this.value = value;
    this.#variance = variance;
    this.#speedVariance = speedVariance;
  }

  /** `density` is the speed's variance gained per second. */
  predict(elapsedS: number, density: number): void {
    this.value += this.#speed * elapsedS;
    this.#variance += 2 * elapsedS * this.#covariance + elapsedS ** 2 * this.#speedVariance + density * elapsedS ** 3 / 3;
    this.#covariance += elapsedS * this.#speedVariance + density * elapsedS ** 2 / 2;
    this.#speedVariance += density * elapsedS;
  }

  correct(measured: number, measuredVariance: number): void {
    const sum = this.#variance + measuredVariance;
    const gain = this.#variance / sum;
    const speedGain = this.#covariance / sum;
    const surprise = measured - this.value;
    this.value += gain * surprise;
    this.#speed += speedGain * surprise;
    this.#speedVariance -= speedGain * this.#covariance;
    this.#covariance *= 1 - gain;
    this.#variance *= 1 - gain;
  }
}

/** A value that wanders without a direction; it stays positive where what is measured is. */
class WanderingValue {
  value: number;
  #variance: number;

  constructor(value: number, variance: number) {
    this.value = value;
    this.#variance = variance;
  }

  predict(elapsedS: number, density: number): void {
    this.#variance += density * elapsedS;
  }

  correct(measured: number, measuredVariance: number): void {
    const gain = this.#variance / (this.#variance + measuredVariance);
    this.value += gain * (measured - this.value);
    this.#variance *= 1 - gain;
  }
}
