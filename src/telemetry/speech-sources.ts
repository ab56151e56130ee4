/** Samples of a speech model and of the sounds that it hears. */
import type { Read } from './sources.ts'

type Sources = Readonly<Record<string, readonly [help: string, read: Read]>>

export const SPEECH_GAUGES: Sources = {
  aerie_speech_running: ['Windows of sound being written down.', (s) => s.speech?.running],
  aerie_speech_running_max: ['Windows that may be at once.', (s) => s.speech?.maxRunning],
  aerie_speech_waiting: ['Windows waiting for a place.', (s) => s.speech?.waiting],
  aerie_speech_waiting_max: ['Windows that may wait; more get 429.', (s) => s.speech?.maxWaiting],
  aerie_sounds_running: ['Sounds being decoded.', (s) => s.sounds?.running],
  aerie_sounds_running_max: ['Sounds that may be at once.', (s) => s.sounds?.workers],
  aerie_sounds_waiting: ['Sounds waiting to be decoded.', (s) => s.sounds?.waiting],
  aerie_sounds_waiting_max: ['Sounds that may wait; more get 429.', (s) => s.sounds?.maxWaiting],
  aerie_sounds_bytes_in_use: ['Bytes of spectrograms held.', (s) => s.sounds?.bytesInUse],
  aerie_sounds_bytes_in_use_max: ['Bytes that may be held.', (s) => s.sounds?.maxBytesInUse],
  aerie_sounds_spool_bytes: ['Bytes of sounds on the disk.', (s) => s.soundSpool?.bytes],
  aerie_sounds_spool_bytes_max: ['Bytes that there may be.', (s) => s.soundSpool?.maxBytes],
}

export const SPEECH_COUNTERS: Sources = {
  aerie_speech_windows_total: [
    'Windows of sound that were written down.',
    (s) => s.speech?.windows,
  ],
  aerie_speech_retries_total: [
    'Windows written down again at a higher temperature, as the text was poor.',
    (s) => s.speech?.retries,
  ],
  aerie_speech_aborted_total: ['Windows ended by client or deadline.', (s) => s.speech?.aborted],
  aerie_speech_steps_total: ['Steps of the speech decoder.', (s) => s.speech?.steps],
  aerie_speech_step_rows_total: ['Windows in those steps together.', (s) => s.speech?.rows],
  aerie_sounds_decoded_total: ['Sounds that were decoded.', (s) => s.sounds?.decoded],
  aerie_sounds_seconds_total: ['Seconds of sound in them.', (s) => s.sounds?.seconds],
  aerie_sounds_failed_total: [
    'Sounds that could not be, or whose client left.',
    (s) => s.sounds?.failed,
  ],
}
