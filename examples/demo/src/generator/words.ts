// The words that the generated data is made of.

export interface City {
  readonly city: string
  readonly state: string
  readonly country: string
  /** The first three digits of its postal codes. */
  readonly zip: string
}

const city = (name: string, state: string, country: string, zip: string): City => ({
  city: name,
  state,
  country,
  zip,
})

/** Ordered by how many customers live there. */
export const CITIES: readonly City[] = [
  city('São Paulo', 'SP', 'BR', '010'),
  city('New York', 'NY', 'US', '100'),
  city('Rio de Janeiro', 'RJ', 'BR', '200'),
  city('Los Angeles', 'CA', 'US', '900'),
  city('Berlin', 'BE', 'DE', '101'),
  city('Belo Horizonte', 'MG', 'BR', '301'),
  city('Chicago', 'IL', 'US', '606'),
  city('Toronto', 'ON', 'CA', '416'),
  city('München', 'BY', 'DE', '803'),
  city('Curitiba', 'PR', 'BR', '800'),
  city('Houston', 'TX', 'US', '770'),
  city('Porto Alegre', 'RS', 'BR', '900'),
  city('Madrid', 'MD', 'ES', '280'),
  city('Lyon', 'ARA', 'FR', '690'),
  city('Köln', 'NW', 'DE', '506'),
  city('Seattle', 'WA', 'US', '981'),
  city('Montréal', 'QC', 'CA', '514'),
  city('Salvador', 'BA', 'BR', '400'),
  city('Milano', 'LOM', 'IT', '201'),
  city('Göteborg', 'VG', 'SE', '411'),
  city('大阪', '27', 'JP', '530'),
  city('Melbourne', 'VIC', 'AU', '300'),
  city('Wien', '9', 'AT', '101'),
  city('Kraków', 'MA', 'PL', '300'),
]

export interface Category {
  readonly name: string
  readonly english: string
  /** Around what its prices lie, in cents. */
  readonly typicalCents: number
}

const category = (name: string, english: string, typicalCents: number): Category => ({
  name,
  english,
  typicalCents,
})

export const CATEGORIES: readonly Category[] = [
  category('bed_bath_table', 'Bed, bath and table', 5_900),
  category('health_beauty', 'Health and beauty', 4_200),
  category('sports_leisure', 'Sports and leisure', 7_900),
  category('computers', 'Computers and accessories', 18_900),
  category('furniture', 'Furniture and decoration', 12_900),
  category('housewares', 'Housewares', 3_900),
  category('watches_gifts', 'Watches and gifts', 9_900),
  category('telephony', 'Telephones', 24_900),
  category('toys', 'Toys', 2_900),
  category('garden_tools', 'Garden and tools', 4_900),
  category('books', 'Books', 1_900),
  category('groceries', 'Groceries', 900),
  category('pet_shop', 'Pet shop', 2_400),
  category('music', 'Musical instruments', 15_900),
]

const PRAISE = [
  'Arrived two days early.',
  'Exactly as described, very happy with it.',
  'Good value, would buy again.',
  'Well packed, and the colour is lovely.',
  'Minha mãe adorou, recomendo.',
  'Schnelle Lieferung, alles bestens.',
  'My second one, the first still works after three years.',
]
const BLAME = [
  'Came late and the box was torn.',
  'Only one of the two parts was in the parcel.',
  'Smaller than it looks in the pictures.',
  'Ainda não recebi o produto, e ninguém responde.',
  'Stopped working after a week.\nThe shop took it back, though.',
  'The colour is "blue", they say. It is grey.',
]

/** Sentences that fit a review with this many stars, 1 to 5. */
export const reviewSentences = (score: number): readonly string[] => (score >= 4 ? PRAISE : BLAME)
