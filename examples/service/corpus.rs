//! The documents that come in and the questions that are asked: English of the reading-room kind, made from
//! word lists by Zipf's law, the same in every run.

use crate::document::{Author, Document};
use crate::query::Request;
use crate::random::{Random, Zipf};
use serde_json::json;

/// How many different questions are asked again and again.
const USUAL_QUESTIONS: usize = 4_000;

/// Writes documents and questions.
pub struct Corpus {
    nouns: Zipf,
    verbs: Zipf,
    adjectives: Zipf,
    places: Zipf,
    topics: Zipf,
}

impl Default for Corpus {
    fn default() -> Self {
        Self {
            nouns: Zipf::new(NOUNS.len()),
            verbs: Zipf::new(VERBS.len()),
            adjectives: Zipf::new(ADJECTIVES.len()),
            places: Zipf::new(PLACE_HEADS.len() * PLACE_TAILS.len()),
            topics: Zipf::new(USUAL_QUESTIONS),
        }
    }
}

impl Corpus {
    /// Document number `id`, as the JSON that a client sends. One in 200 is cut off on its way.
    #[must_use]
    pub fn document(&self, id: u32) -> String {
        let random = &mut Random::new(u64::from(id));
        let subject = self.noun(random);
        let document = Document {
            id,
            title: format!("The {} {subject} of {}", self.adjective(random), self.place(random)),
            author: Author { name: self.person(random), place: self.place(random) },
            published: date(random),
            tags: (0..2 + random.below(4)).map(|_| self.noun(random).to_owned()).collect(),
            attributes: self.attributes(random),
            body: self.body(random),
        };
        let mut json = serde_json::to_string(&document).unwrap_or_default();
        if id % 200 == 199 {
            json.truncate(json.len() / 2);
        }
        json
    }

    /// Request number `number`, as the JSON that a client sends: four in five ask a usual question.
    #[must_use]
    pub fn request(&self, number: u32) -> String {
        let random = &mut Random::new(u64::from(number) | 1 << 32);
        let session = format!("reader-{:05}", random.below(2_000));
        let usual = random.below(5) < 4;
        let topic = if usual { self.topics.draw(random) } else { USUAL_QUESTIONS + number as usize };
        serde_json::to_string(&Request { session, question: self.question(topic) }).unwrap_or_default()
    }

    fn question(&self, topic: usize) -> String {
        let random = &mut Random::new(topic as u64 | 1 << 33);
        match random.below(4) {
            0 => self.place(random),
            1 => format!("{} {}", self.adjective(random), self.noun(random)),
            2 => format!("{} {}", self.noun(random), self.place(random)),
            _ => format!("{} {} {}", self.noun(random), self.verb(random), self.noun(random)),
        }
    }

    fn attributes(&self, random: &mut Random) -> serde_json::Map<String, serde_json::Value> {
        let shelf =
            json!({ "room": random.below(12), "case": random.below(400), "label": self.noun(random) });
        let mut attributes = serde_json::Map::new();
        attributes.insert("pages".to_owned(), json!(1 + random.below(900)));
        attributes.insert("shelf".to_owned(), shelf);
        attributes.insert("lent".to_owned(), json!([date(random), date(random)]));
        attributes
    }

    /// Mostly a paragraph or two, at times a chapter.
    fn body(&self, random: &mut Random) -> String {
        let sentences = 4 + random.below(8) * random.below(4) + if random.below(40) == 0 { 80 } else { 0 };
        let mut body = String::new();
        for _ in 0..sentences {
            self.sentence(random, &mut body);
        }
        body
    }

    fn sentence(&self, random: &mut Random, text: &mut String) {
        let (noun, other) = (self.noun(random), self.noun(random));
        let (verb, adjective) = (self.verb(random), self.adjective(random));
        let sentence = match random.below(6) {
            0 => format!("The {adjective} {noun} {verb} the {other} before the evening. "),
            1 => format!("In {} the {noun}s {verb} every {other} that they could find. ", self.place(random)),
            2 => {
                format!("{} {verb} the {noun} and thought of the {adjective} {other}. ", self.person(random))
            }
            3 => format!("No {noun} was so {adjective} that the {other} {verb} it twice. "),
            4 => format!("See the {other} under No. {} in the {adjective} {noun}. ", random.below(60_000)),
            _ => format!("They {verb} the {noun} on {}, and the {other}s were {adjective}. ", date(random)),
        };
        text.push_str(&sentence);
    }

    fn noun(&self, random: &mut Random) -> &'static str {
        NOUNS[self.nouns.draw(random)]
    }

    fn verb(&self, random: &mut Random) -> &'static str {
        VERBS[self.verbs.draw(random)]
    }

    fn adjective(&self, random: &mut Random) -> &'static str {
        ADJECTIVES[self.adjectives.draw(random)]
    }

    fn place(&self, random: &mut Random) -> String {
        let rank = self.places.draw(random);
        format!("{}{}", PLACE_HEADS[rank % PLACE_HEADS.len()], PLACE_TAILS[rank / PLACE_HEADS.len()])
    }

    fn person(&self, random: &mut Random) -> String {
        format!("{} {}", GIVEN_NAMES[random.below(GIVEN_NAMES.len())], self.place(random))
    }
}

fn date(random: &mut Random) -> String {
    format!("{}-{:02}-{:02}", 1780 + random.below(140), 1 + random.below(12), 1 + random.below(28))
}

#[rustfmt::skip]
const NOUNS: [&str; 96] = [
    "house", "letter", "river", "night", "garden", "harbour", "ship", "lantern", "ledger", "road", "window",
    "winter", "market", "bridge", "captain", "weaver", "clock", "bell", "mill", "forest", "island",
    "voyage", "chapel", "orchard", "carriage", "sermon", "farmer", "journal", "meadow", "doctor", "lamp",
    "stranger", "village", "storm", "anchor", "parlour", "merchant", "valley", "tower", "miller", "quarry",
    "railway", "summer", "portrait", "widow", "sailor", "library", "compass", "harvest", "cellar",
    "pilgrim", "tavern", "cathedral", "magistrate", "violin", "telescope", "lighthouse", "printer", "cloak",
    "canal", "blacksmith", "barometer", "almanac", "ferry", "glacier", "herbarium", "inkwell", "moor",
    "observatory", "pamphlet", "quay", "regiment", "schooner", "tapestry", "umbrella", "vineyard",
    "warehouse", "abbey", "brook", "candle", "dairy", "estuary", "foundry", "granary", "hearth", "inventor",
    "kiln", "loom", "manuscript", "notary", "oyster", "parish", "rudder", "sexton", "tollgate", "yeoman",
];

#[rustfmt::skip]
const VERBS: [&str; 48] = [
    "found", "watched", "carried", "remembered", "left", "followed", "painted", "counted", "sold", "feared",
    "crossed", "repaired", "described", "visited", "praised", "hid", "measured", "copied", "inherited",
    "lost", "guarded", "read", "borrowed", "opened", "forgot", "admired", "burned", "gathered", "mended",
    "questioned", "translated", "surveyed", "engraved", "catalogued", "abandoned", "restored", "weighed",
    "bargained", "forged", "sketched", "ploughed", "tuned", "pawned", "besieged", "drained", "moored",
    "thatched", "annotated",
];

#[rustfmt::skip]
const ADJECTIVES: [&str; 48] = [
    "old", "quiet", "northern", "broken", "pale", "great", "narrow", "golden", "distant", "silent", "heavy",
    "curious", "wooden", "bitter", "lonely", "faithful", "green", "ancient", "careful", "frozen", "crooked",
    "gentle", "hollow", "famous", "honest", "solemn", "weary", "splendid", "muddy", "nameless", "patient",
    "restless", "sombre", "timid", "velvet", "windward", "amber", "brackish", "candid", "dusky", "earthen",
    "fallow", "gilded", "humble", "ivory", "lunar", "mossy", "oaken",
];

#[rustfmt::skip]
const PLACE_HEADS: [&str; 40] = [
    "Ash", "West", "Black", "Hart", "Stone", "Wood", "Kings", "Mill", "North", "Oak", "Fern", "Long",
    "Marsh", "Rook", "Salt", "Thorn", "Win", "Bram", "Cold", "Dun", "Elm", "Fair", "Green", "Hazel", "Ivy",
    "Lang", "Mere", "Nether", "Over", "Pen", "Raven", "Sand", "Tarn", "Under", "Vale", "Wick", "Yar",
    "Birch", "Crow", "Drift",
];

#[rustfmt::skip]
const PLACE_TAILS: [&str; 30] = [
    "ford", "ton", "bury", "brook", "ham", "field", "ley", "mouth", "worth", "wick", "dale", "bridge",
    "stead", "combe", "hurst", "well", "gate", "minster", "thorpe", "cliff", "haven", "mere", "pool",
    "stow", "grove", "holm", "shaw", "beck", "march", "strand",
];

const GIVEN_NAMES: [&str; 12] = [
    "Ada", "Edmund", "Clara", "Josiah", "Harriet", "Silas", "Mabel", "Tobias", "Winifred", "Amos", "Ruth",
    "Giles",
];

#[cfg(test)]
mod tests {
    use super::Corpus;
    use crate::document::Document;

    #[test]
    fn documents_are_whole_but_for_one_in_200() {
        let corpus = Corpus::default();
        let parsed = (0..400).map(|id| serde_json::from_str::<Document>(&corpus.document(id)));
        let whole = parsed.filter(Result::is_ok).count();
        assert_eq!(whole, 398);
    }

    #[test]
    fn the_same_number_gives_the_same_document() {
        assert_eq!(Corpus::default().document(17), Corpus::default().document(17));
        assert_ne!(Corpus::default().document(17), Corpus::default().document(18));
    }
}
