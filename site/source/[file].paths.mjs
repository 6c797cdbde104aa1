/** A page for each file that is linked to and is no page itself. */
import { extname } from 'node:path'
import { sources } from '../pages.mjs'

export default {
  paths: () =>
    sources().map(({ file, text }) => ({
      params: { file },
      // A fence that is longer than any in the file.
      content: `# \`${file}\`\n\n\`\`\`\`\`${extname(file).slice(1)}\n${text.trimEnd()}\n\`\`\`\`\`\n`
    }))
}
