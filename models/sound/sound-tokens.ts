/** How much of a prompt a sound takes. */
import type { HearingModel } from '../family.ts'

/**
 * Positions of a sound of so many frames of 10 ms: all of each whole window, and of the last one those that are not behind the end
 * of the sound. At least 1.
 */
export function soundTokens(
  {
    windowFrames,
    framesPerToken,
    tokensPerWindow,
  }: Pick<HearingModel, 'windowFrames' | 'framesPerToken' | 'tokensPerWindow'>,
  frames: number,
): number {
  const whole = Math.max(0, Math.ceil(frames / windowFrames) - 1)
  const last = frames - whole * windowFrames
  return whole * tokensPerWindow + Math.max(1, Math.ceil(last / framesPerToken))
}
