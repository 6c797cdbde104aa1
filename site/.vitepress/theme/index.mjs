/** VitePress's own theme, in the fonts of the system, and with diagrams. */
import Theme from 'vitepress/theme-without-fonts'
import Diagram from './diagram.mjs'
import './style.css'

export default { extends: Theme, enhanceApp: ({ app }) => app.component('Diagram', Diagram) }
