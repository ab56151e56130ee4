/** The request as a program, to be copied. */
import { h } from '../element.js'
import { Choice } from '../parts/choice.js'
import { CopyButton } from '../parts/copy-button.js'
import { Dialog } from '../parts/dialog.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useEffect, useState } from '../vendor/hooks.js'
import { requestAsCode } from './code.js'

/** @typedef {import('./code.js').Language} Language */

/** @type {readonly (readonly [Language, string])[]} */
const LANGUAGES = [
  ['curl', 'curl'],
  ['javascript', 'JavaScript'],
  ['python', 'Python'],
]

/** More of a data URI than this is no use to anyone's eyes; it is copied whole. */
const SHOWN_CHARACTERS = 20_000

/** @param {{ readonly exchanges: readonly import('../types.d.ts').Exchange[], readonly onClose: () => void }} props */
export function CodeDialog({ exchanges, onClose }) {
  const chosen = useStore(settings)
  const [language, setLanguage] = useState(/** @type {Language} */ ('curl'))
  const [media, setMedia] = useState(/** @type {'file' | 'data'} */ ('file'))
  const [code, setCode] = useState('')
  const names = [
    ...new Set(exchanges.flatMap((exchange) => exchange.media.map(({ name }) => name))),
  ]
  useEffect(() => {
    let isGone = false
    const { origin } = location
    void requestAsCode(language, exchanges, chosen, { media, origin }).then(
      (text) => isGone || setCode(text),
    )
    return () => {
      isGone = true
    }
  }, [language, media, exchanges, chosen])
  return h(Dialog, {
    title: 'The request as code',
    kind: 'code-dialog',
    onClose,
    children: [
      h(
        'div',
        { key: 'choices', class: 'choices' },
        h(Choice, {
          label: 'Language',
          options: LANGUAGES,
          value: language,
          onChange: setLanguage,
        }),
        names.length > 0
          ? h(Choice, {
              label: 'Media',
              options: /** @type {const} */ ([
                ['file', 'as files'],
                ['data', 'as data'],
              ]),
              value: media,
              onChange: setMedia,
            })
          : null,
      ),
      h(
        'div',
        { key: 'code', class: 'code' },
        h(
          'pre',
          { tabIndex: 0, 'aria-label': 'Code' },
          h(
            'code',
            null,
            code.length > SHOWN_CHARACTERS ? `${code.slice(0, SHOWN_CHARACTERS)} …` : code,
          ),
        ),
        h(CopyButton, { label: 'Copy the code', text: () => code }),
      ),
      h(
        'p',
        { key: 'note', class: 'note' },
        'The key is read from ',
        h('code', null, 'OPENAI_API_KEY'),
        '.',
        media === 'file' && names.length > 0 ? ` Run it where ${names.join(', ')} lie.` : '',
      ),
    ],
  })
}
