/**
 * Phrases of the built-in sample, written for this project; no sentence is anybody's note.
 * `{a|b}` stands for one of its alternatives. The four classes share symptoms on purpose:
 * what decides is often one detail beside others that point elsewhere.
 */
export const specialties = ['Cardiology', 'Gastroenterology', 'Orthopaedics', 'Respiratory'] as const;
export type Specialty = (typeof specialties)[number];

export interface SpecialtyPhrases {
  /** Complaints that point here alone. */
  readonly clear: readonly string[];
  /** Complaints that another class shares. */
  readonly shared: readonly string[];
  /** A detail that tips a shared complaint this way. */
  readonly details: readonly string[];
  /** What is planned. */
  readonly plans: readonly string[];
  /** What a note of any class may mention in passing: past conditions, drugs, other symptoms. */
  readonly mentions: readonly string[];
}

export const phrases: Readonly<Record<Specialty, SpecialtyPhrases>> = {
  Cardiology: {
    clear: [
      '{central|heavy|tight} chest pain {walking uphill|on exertion|carrying shopping}, {eases|settles} with rest',
      'palpitations {most evenings|for # weeks|since the summer}, feels the heart {racing|skipping beats}',
      'pulse irregularly irregular, rate {98|110|124}',
      '{collapsed without warning|blacked out} {in the kitchen|at the bus stop|getting up at night}, came round quickly',
      'blood pressure at home {158/94|166/98|171/102} despite two tablets',
      'needs {three|four} pillows at night, wakes gasping, ankles {pitting|puffy}',
      'murmur heard at {routine check|pre-op}, radiates to the neck',
    ],
    shared: [
      'shortness of breath {on stairs|on the flat|bending down}',
      'tightness across the chest, comes and goes',
      'ache in the left arm and {jaw|shoulder}',
      'both {legs|ankles} swollen by evening',
      'burning behind the breastbone {after dinner|at night}',
      'calf pain {after # hundred metres|walking to the shop}',
      'dizzy on standing, tired all the time',
      'cough at night lying flat',
    ],
    details: ['JVP up', '{mother|father|brother} had a stent at #0', 'ECG {LBBB|old inferior changes|T wave inversion}', 'trop negative x2', 'BNP {640|1200|raised}', 'worse in the cold and up hills', 'statin stopped last year', 'BP 168/96 today'],
    plans: ['echo and {24 h|48 h} tape', 'start bisoprolol {1.25|2.5} mg', 'refer chest pain clinic', 'increase furosemide, weigh daily', 'GTN spray given, explained'],
    mentions: ['AF on apixaban', 'MI {2011|2016|2019}, two stents', 'hypertension, ramipril', 'heart failure, stable', 'no chest pain, no palpitations', 'pacemaker check due'],
  },
  Gastroenterology: {
    clear: [
      'food sticking {halfway down|behind the breastbone}, {bread|meat} worst',
      '{loose stools|diarrhoea} x# daily with {blood|mucus}, urgency',
      'heartburn and {acid|sour fluid} in the mouth most nights',
      'black {tarry stools|motions} for # days, on {ibuprofen|naproxen}',
      '{colicky|crampy} tummy pain with bloating, better after opening bowels',
      'yellow eyes, dark urine, itch',
      'bowels not open for # days, straining, {hard pellets|some fresh blood on paper}',
    ],
    shared: [
      'burning behind the breastbone {after dinner|at night}',
      'tightness across the chest, comes and goes',
      'pain {under the right ribs|between the shoulder blades}, comes in waves',
      'cough at night lying flat',
      'lost {# kg|weight} since spring, off food',
      'dizzy on standing, tired all the time',
      'hoarse voice and throat clearing in the morning',
      'low back and {flank|side} ache, cannot get comfortable',
    ],
    details: ['worse after fatty meals', 'Hb {94|101|108}, ferritin 6', 'epigastrium tender', 'LFTs up, ALP {210|340}', 'antacids help for an hour', 'calprotectin {260|480}', 'nausea, vomited twice', 'H pylori never checked'],
    plans: ['omeprazole 20 mg for # weeks, then review', 'OGD requested', 'FIT sent, colonoscopy if positive', 'US abdomen booked', 'coeliac screen, stool culture'],
    mentions: ['reflux, on lansoprazole', 'gallbladder out {1998|2009|2014}', 'IBS', 'bowels regular', 'abdomen soft', 'diverticular disease on old scan'],
  },
  Orthopaedics: {
    clear: [
      '{right|left} knee {gives way|locks} on stairs, swollen since a twist at {football|work|the park}',
      'groin pain, cannot put {socks|shoes} on, hip rotation {poor|half of the other side}',
      'fell on outstretched hand, wrist {swollen|tender in the snuffbox}',
      'low back pain down the {left|right} leg to the foot, pins and needles',
      'shoulder stiff, cannot {reach the shelf|comb hair|do up her bra}, painful arc',
      'thumb base and finger joints {sore|swollen}, grip weak',
      'heel pain with the first steps in the morning',
    ],
    shared: [
      'sharp pain {over the ribs|at the side of the chest}, worse turning in bed and on deep breath',
      'ache in the left arm and {neck|shoulder}',
      'pain {under the right ribs|between the shoulder blades}, comes in waves',
      'calf pain {after # hundred metres|walking to the shop}',
      'left {leg|ankle} swollen by evening',
      'low back and {flank|side} ache, cannot get comfortable',
      'tightness across the chest, comes and goes',
      'dizzy on standing, fell twice',
    ],
    details: ['tender to press over the {costal margin|joint line|facets}', 'started after {lifting boxes|digging|moving a sofa}', 'straight leg raise {40|50} degrees', 'reflexes equal, power 5/5', 'stiff for half an hour each morning', 'limps, uses a stick', 'worse turning the neck', 'old fracture {2012|2018}'],
    plans: ['XR {today|both knees standing|requested}', 'physio referral', 'MRI if no better in # weeks', 'steroid injection offered', 'splint and sling, fracture clinic'],
    mentions: ['{left|right} hip replaced {2013|2017|2020}', 'gout, allopurinol', 'osteoarthritis of the knees', 'walks with a frame', 'no joint pain', 'osteoporosis, alendronate'],
  },
  Respiratory: {
    clear: [
      'wheeze and cough {most nights|after the cat}, blue inhaler # times a day',
      'productive cough, {green|rusty} sputum, crackles at the {right|left} base',
      'coughed up {blood|pink streaks} twice, {30|45} pack years',
      'snores, stops breathing per partner, {falls asleep at the wheel|Epworth 17}',
      'dry cough for # months, fine crackles both bases, clubbed',
      'peak flow {210|260|300}, usually 420',
      'third chest infection this winter, steroids and antibiotics each time',
    ],
    shared: [
      'shortness of breath {on stairs|on the flat|bending down}',
      'tightness across the chest, comes and goes',
      'sharp pain {over the ribs|at the side of the chest}, worse turning in bed and on deep breath',
      'cough at night lying flat',
      'hoarse voice and throat clearing in the morning',
      'lost {# kg|weight} since spring, off food',
      'tired all the time, sleeps badly',
      'both {legs|ankles} swollen by evening',
    ],
    details: ['sats {89|91|93} on air', 'ex-smoker, {20|40} a day until 2015', 'worked with {asbestos|flour|pigeons}', 'wheezy on forced expiration', 'better after the nebuliser', 'FEV1 {48|56} % predicted', 'worse with pollen and cold air', 'dull to percussion at the base'],
    plans: ['spirometry and CXR', 'prednisolone 30 mg for 5 days', 'inhaler technique checked, spacer given', 'sleep study requested', 'CT chest, urgent'],
    mentions: ['asthma, brown inhaler', 'COPD, tiotropium', 'chest clear', 'never smoked', 'no cough or wheeze', 'pneumonia {2018|2021}'],
  },
};

/** One public sentence a label, the start of the head. */
export const sampleSentences: Readonly<Record<Specialty, string>> = {
  Cardiology: 'heart and blood vessels: chest pain on effort, palpitations, blood pressure, fainting',
  Gastroenterology: 'stomach, bowel and liver: reflux, swallowing, abdominal pain, stools',
  Orthopaedics: 'bones, joints and muscles: knee, hip, back or shoulder pain, injury, stiffness',
  Respiratory: 'lungs and breathing: cough, wheeze, sputum, asthma, infection, sleep apnoea',
};

export const openings = ['patient seen today', 'telephone review', 'seen with {daughter|son|wife|husband|carer}', 'new complaint', 'follow up', 'walk-in', 'home visit', 'brought forward by the nurse'] as const;

export const closings = ['bloods sent', 'safety net given', 'review in # weeks', 'happy with plan', 'letter to follow', 'no red flags', 'advice given', 'will ring if worse', 'discussed with the registrar'] as const;

export const neutral = ['lives alone', 'appetite fair', 'afebrile', 'sleeping poorly', 'worried about {work|the stairs|a friend who died}', 'type 2 diabetes, metformin', 'drinks {2|10} units a week', 'obs stable', 'weight {64|78|91} kg', 'thyroid normal in March', 'cares for {her mother|his wife|a grandson}', 'allergic to penicillin'] as const;

/** Written out, and as a hurried hand has it. */
export const abbreviations: readonly (readonly [RegExp, string])[] = [
  [/\bshortness of breath\b/g, 'SOB'],
  [/\bpatient\b/g, 'pt'],
  [/\bhistory of\b/g, 'hx of'],
  [/\bcomplains of\b/g, 'c/o'],
  [/\bon exertion\b/g, 'OE'],
  [/\bfor # weeks\b/g, '#/52'],
  [/\bblood pressure\b/g, 'BP'],
  [/\bchest pain\b/g, 'CP'],
  [/\bfollow up\b/g, 'f/u'],
  [/\breview\b/g, 'r/v'],
  [/\btwice\b/g, 'x2'],
  [/\bwith\b/g, 'w/'],
  [/\bno better\b/g, 'nil better'],
  [/\btelephone\b/g, 'tel'],
];
