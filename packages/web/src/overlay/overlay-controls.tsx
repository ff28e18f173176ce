// The button over the pictures that opens what may be chosen about the overlay: parts, sureness, opacity, classes.
import { Popover } from '@base-ui/react/popover';
import { Slider } from '@base-ui/react/slider';
import { Switch } from '@base-ui/react/switch';
import { classColour } from './class-colour.ts';
import { changesOf, EVERYTHING, type OverlayChoice } from './overlay-choice.ts';

const PARTS = [['boxes', 'Boxes'], ['labels', 'Labels'], ['skeletons', 'Skeletons'], ['tails', 'Tails of tracks'], ['scene', 'Zones, lines and masks'], ['masked', 'What masks hide']] as const;
const percent = (share: number): string => `${Math.round(share * 100)} %`;

export interface OverlayControlsProps {
  readonly choice: OverlayChoice;
  /** Names of all classes that are known to the models that look. */
  readonly classes: readonly string[];
  readonly onChange: (change: Partial<OverlayChoice>) => void;
}

export function OverlayControls({ choice, classes, onChange }: OverlayControlsProps) {
  const changes = changesOf(choice);
  const seen = [...new Set([...choice.hiddenClasses, ...classes])].toSorted();
  const toggle = (name: string, shown: boolean): void => onChange({ hiddenClasses: shown ? choice.hiddenClasses.filter((other) => other !== name) : [...choice.hiddenClasses, name] });
  return (
    <Popover.Root>
      <Popover.Trigger className="button">{changes === 0 ? 'Overlay' : `Overlay (${changes} changed)`}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={8} align="end" className="positioner">
          <Popover.Popup className="popup overlay-controls">
            <Popover.Title className="popup-title">What is drawn on the pictures</Popover.Title>
            <div className="overlay-parts">
              {PARTS.map(([part, words]) => <Toggle key={part} label={words} checked={choice[part]} onChange={(checked) => onChange({ [part]: checked })} />)}
            </div>
            <Share label="At least this sure" value={choice.threshold} min={0} max={0.95} onChange={(threshold) => onChange({ threshold })} />
            <Share label="Opacity" value={choice.opacity} min={0.2} max={1} onChange={(opacity) => onChange({ opacity })} />
            {seen.length > 0 && (
              <fieldset className="overlay-classes">
                <legend>Classes seen lately</legend>
                {seen.map((name) => <Toggle key={name} label={name} colour={classColour(name)} checked={!choice.hiddenClasses.includes(name)} onChange={(checked) => toggle(name, checked)} />)}
              </fieldset>
            )}
            <button type="button" className="text-button" disabled={changes === 0} onClick={() => onChange(EVERYTHING)}>Show all again</button>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Toggle({ label, checked, onChange, colour }: { label: string; checked: boolean; onChange: (checked: boolean) => void; colour?: string }) {
  return (
    <label className="toggle">
      {colour && <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="3" fill={colour} stroke="none" /></svg>}
      <span>{label}</span>
      <Switch.Root className="switch" checked={checked} onCheckedChange={onChange} aria-label={label}><Switch.Thumb className="switch-thumb" /></Switch.Root>
    </label>
  );
}

function Share({ label, value, min, max, onChange }: { label: string; value: number; min: number; max: number; onChange: (value: number) => void }) {
  return (
    <Slider.Root className="slider" value={value} min={min} max={max} step={0.05} onValueChange={onChange}>
      <Slider.Label className="slider-label">{label}</Slider.Label>
      <Slider.Value className="slider-value">{() => percent(value)}</Slider.Value>
      <Slider.Control className="slider-control">
        <Slider.Track className="slider-track"><Slider.Indicator className="slider-indicator" /><Slider.Thumb className="slider-thumb" getAriaValueText={() => percent(value)} /></Slider.Track>
      </Slider.Control>
    </Slider.Root>
  );
}
