/** The rows of the accuracy table: which tasks they gather, and what is asked of them. */
import type { Task } from './questions.ts'

export interface Row {
  readonly label: string
  readonly tasks: readonly Task[]
  /** Per cent of exact matches that the model must reach, and should; absent where nothing was set. */
  readonly required?: number
  readonly aim?: number
  /** Counts only pictures with so many objects. */
  readonly objects?: readonly [least: number, most: number]
}

export const ROWS: readonly Row[] = [
  { label: 'background', tasks: ['background'], required: 98, aim: 99.5 },
  { label: 'colour of the only object', tasks: ['color_single'], required: 98, aim: 99.5 },
  { label: 'shape of the only object', tasks: ['shape_single'], required: 98, aim: 99.5 },
  { label: 'how many objects, 1–5', tasks: ['count_all'], required: 96, aim: 98 },
  {
    label: 'colour of the named object among 2–4',
    tasks: ['color_of_kind'],
    required: 90,
    aim: 97,
    objects: [2, 4],
  },
  { label: 'object of the named colour', tasks: ['kind_of_color'] },
  { label: 'is there one (yes or no)', tasks: ['exists'], required: 88, aim: 95 },
  { label: 'how many of a kind', tasks: ['count_kind'], required: 88, aim: 95 },
  { label: 'how many of a colour', tasks: ['count_color'], required: 88, aim: 95 },
  { label: 'relation of two objects', tasks: ['relation'], required: 85, aim: 94 },
  { label: 'relation, yes or no', tasks: ['relation_yes_no'], required: 85, aim: 94 },
  { label: 'which is bigger or smaller', tasks: ['compare_size'], required: 85, aim: 94 },
  { label: 'place in the picture', tasks: ['place'], required: 85, aim: 94 },
  { label: 'size of an object', tasks: ['size_of'] },
  { label: 'reading 1–4 digits', tasks: ['read_digits'], required: 85, aim: 95 },
  { label: 'reading a word', tasks: ['read_word'], required: 85, aim: 95 },
  { label: 'colour of the text', tasks: ['text_color'] },
  { label: 'caption, every object right', tasks: ['caption'], required: 70, aim: 88 },
  { label: 'JSON, all fields right', tasks: ['json'], required: 70, aim: 88 },
  { label: 'unanswerable: noun never seen in training', tasks: ['absent_noun'], required: 85 },
  { label: 'unanswerable: known kind, not there', tasks: ['absent_kind'], required: 85 },
  {
    label: 'unanswerable: colour or text, not there',
    tasks: ['absent_color', 'absent_text'],
    required: 85,
  },
  { label: 'no picture at all', tasks: ['no_picture'], required: 85 },
]

/** The rows of the table by number of objects. */
export const BY_OBJECTS: readonly Task[] = [
  'count_all',
  'color_of_kind',
  'kind_of_color',
  'exists',
  'count_kind',
  'count_color',
  'relation',
  'compare_size',
  'place',
  'caption',
  'json',
]
export const OBJECT_COUNTS = [1, 2, 3, 4, 5] as const

/** The rows of the table by length of the text. */
export const BY_LENGTH: readonly Task[] = ['read_digits', 'read_word']
export const TEXT_LENGTHS = [1, 2, 3, 4, 5, 6, 7] as const
