import Database from 'better-sqlite3'
import lockfile from 'proper-lockfile'

const db = new Database('data/shop.db')
db.pragma('journal_mode = WAL')
db.exec(`
  CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT, stock INTEGER);
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, product INTEGER, customer TEXT)
`)

const take = db.prepare('UPDATE products SET stock = stock - 1 WHERE id = ? AND stock > 0')
const insert = db.prepare('INSERT INTO orders (product, customer) VALUES (?, ?)')

const place = db.transaction((product, customer) => {
  if (take.run(product).changes === 0) return null
  return insert.run(product, customer).lastInsertRowid
})

export async function order(product, customer) {
  const release = await lockfile.lock('data', { retries: { retries: 1000, minTimeout: 5, maxTimeout: 50 } })
  try {
    return place(product, customer)
  } finally {
    await release()
  }
}

export function stockUp(name, stock) {
  return db.prepare('INSERT INTO products (name, stock) VALUES (?, ?)').run(name, stock).lastInsertRowid
}

const SUMMARY = `SELECT name, stock, count(orders.id) AS orders FROM products
  LEFT JOIN orders ON product = products.id GROUP BY products.id`

export const summary = () => db.prepare(SUMMARY).all()
