/** The keys of the group Sound. */
import { bytes, count, MiB, millis } from './config-key.ts'

export const soundKeys = {
  maxSoundBytes: bytes(100 * MiB, 'Sound', 'Size of one file of sound.'),
  maxSoundSeconds: count(7200, 'Sound', 'Length of one sound; more is not decoded.'),
  maxSoundsPerRequest: count(
    4,
    'Sound',
    'Sounds of one conversation, tracks of clips among them; 0 refuses them all.',
    0,
  ),
  soundWorkers: count(2, 'Sound', 'Sounds that are decoded at one time, each in a thread.'),
  soundQueue: count(64, 'Sound', 'Sounds that may wait; beyond it the answer is 429.', 0),
  soundTimeoutMs: millis(120_000, 'Sound', 'Longest time for one sound to be decoded.'),
  soundMaxBytesInUse: bytes(
    512 * MiB,
    'Sound',
    'Memory for spectrograms of sounds that are being written down or answered about: 32 kB a second for most models.',
    MiB,
  ),
  soundMemoryBytes: bytes(1024 * MiB, 'Sound', 'Address space of one ffmpeg.', 512 * MiB),
  soundSpoolBytes: bytes(
    1024 * MiB,
    'Sound',
    'Size of all sounds on the disk while they are worked on, in the folder for temporary files.',
    MiB,
  ),
  speechBatch: count(
    4,
    'Sound',
    'Windows of 30 s that a speech model writes down together; each has its own memory.',
  ),
}
