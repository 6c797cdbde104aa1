import { DB } from 'sqlock'

const db = new DB('data/shop.db', { timeout: 10_000 })
await db.exec(`
  CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT, stock INTEGER);
  CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, product INTEGER, customer TEXT)
`)

const TAKE = 'UPDATE products SET stock = stock - 1 WHERE id = ? AND stock > 0'
const INSERT = 'INSERT INTO orders (product, customer) VALUES (?, ?)'

export function order(product, customer) {
  return db.transaction(async tx => {
    if ((await tx.run(TAKE, product)).changes === 0) return null
    return (await tx.run(INSERT, product, customer)).lastInsertRowid
  })
}

export async function stockUp(name, stock) {
  return (await db.run('INSERT INTO products (name, stock) VALUES (?, ?)', name, stock)).lastInsertRowid
}

const SUMMARY = `SELECT name, stock, count(orders.id) AS orders FROM products
  LEFT JOIN orders ON product = products.id GROUP BY products.id`

export const summary = () => db.prepare(SUMMARY).all()
