// What is wrong with a scene that its schema cannot see. A problem names the key and what would be right.
import { groundPlane } from './ground-plane.ts';
import { lineProblem, polygonProblem } from './plane-geometry.ts';
import type { GroundPlaneConfig, SceneConfig } from './scene.ts';

export interface SceneProblem {
  /** The keys that lead to it. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Of the extent of all points on the ground: a pair that lies further off was mistyped. */
const MOST_RESIDUAL = 0.1;

/** The first problem of each part; none where the scene is right. */
export function sceneProblems(scene: SceneConfig): SceneProblem[] {
  const problems: SceneProblem[] = [];
  for (const [key, parts] of [['zones', scene.zones], ['lines', scene.lines], ['masks', scene.masks]] as const) {
    for (const [index, part] of (parts ?? []).entries()) {
      if (part.id !== undefined && parts!.findIndex((other) => other.id === part.id) !== index) {
        problems.push({ path: [key, index, 'id'], message: `${part.id} is taken by one of the ${key} above; choose another id` });
      }
      const [shape, problem] = 'points' in part ? ['points', lineProblem(part.points)] as const : ['polygon', polygonProblem(part.polygon)] as const;
      if (problem !== null) problems.push({ path: [key, index, shape], message: problem });
    }
  }
  const { ground_plane: plane } = scene;
  if (plane) problems.push(...groundProblems(plane).map(({ path, message }) => ({ path: ['ground_plane', ...path], message })));
  return problems;
}

function groundProblems({ points }: GroundPlaneConfig): SceneProblem[] {
  const plane = groundPlane(points);
  if (plane === null) {
    return [{ path: ['points'], message: 'determine no ground: too many lie on one line, or image and ground are given in different orders; give four corners of a large rectangle on the ground' }];
  }
  const extent = Math.max(...[0, 1].map((axis) => {
    const values = points.map(({ ground }) => ground[axis]!);
    return Math.max(...values) - Math.min(...values);
  }));
  const worst = plane.residualsM.indexOf(Math.max(...plane.residualsM));
  if (plane.residualsM[worst]! <= MOST_RESIDUAL * extent) return [];
  return [{ path: ['points', worst], message: `lies ${plane.residualsM[worst]!.toFixed(1)} m from where the other points put it; check its image and ground` }];
}
