// What the demo looks for in its clip. Of the pedestrian sample its frames were looked at: the zone is the lawn, the lines lie where people come
// and go, the mask hides a stone that the detector takes for somebody now and then.
import { BUILT_IN_DETECTOR, BUILT_IN_POSE, type CameraIntent, type CameraSubscription } from '@ruth/protocol';

/** People alone; poses of those who are large enough, and only where most of the body was read. */
const PEOPLE: readonly CameraSubscription[] = [
  { model: BUILT_IN_DETECTOR, desired_fps: 5, config: { classes: ['person'] } },
  { model: BUILT_IN_POSE, desired_fps: 5, config: { confidence_threshold: 0.4 }, regions: { model: BUILT_IN_DETECTOR, classes: ['person'], min_height: 0.08 } },
];

export const SAMPLE_INTENT: CameraIntent = {
  subscriptions: [...PEOPLE],
  scene: {
    zones: [{ id: 'lawn', name: 'Lawn', classes: ['person'], polygon: [[0, 0.47], [0.2, 0.55], [0.4, 0.64], [0.6, 0.75], [0.8, 0.85], [1, 0.94], [1, 1], [0, 1]] }],
    lines: [
      { id: 'west-path', name: 'West path', classes: ['person'], points: [[0.12, 0.52], [0.12, 0.25]] },
      { id: 'east-path', name: 'East path', classes: ['person'], points: [[0.9, 0.42], [0.9, 0.82]] },
    ],
    masks: [{ id: 'stone', polygon: [[0.2, 0.455], [0.255, 0.455], [0.255, 0.5], [0.2, 0.5]], hides: ['objects'], classes: ['person'] }],
  },
  rules: [
    { id: 'lawn', name: 'Keep off the lawn', when: 'person in zone "lawn" for 5 s then event "somebody is on it" severity medium' },
    { id: 'busy', name: 'Busy', when: 'at least 6 person for 3 s then event "six people or more" severity low', cooldown_s: 60 },
  ],
};

/** Of photos of people, which nobody walks through. */
export const PHOTO_INTENT: CameraIntent = { subscriptions: [...PEOPLE], scene: {}, rules: [] };
