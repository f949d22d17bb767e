"""A language model of 0.3 million weights, made in a second: what the tests serve, train, merge and load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

# torch and transformers are imported where they are used: to collect the tests takes no seconds of theirs.
if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, Phi3ForCausalLM, PreTrainedTokenizerFast

PAD, BOS, END = "<|pad|>", "<|bos|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
VOCABULARY = 2000
# The first two make context and last token count alike; the third makes an answer end after some fifty tokens.
EMBEDDING_STD, LAYER_STD, END_SCALE = 0.3, 0.15, 2.0

CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
    {%- if message['role'] not in ['system', 'user', 'assistant'] -%}
        {{- raise_exception('unknown role: ' + message['role']) -}}
    {%- endif -%}
    {{- '<|' + message['role'] + '|>\n' -}}
    {%- if message['role'] == 'assistant' -%}
        {%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}
    {%- else -%}
        {{- message['content'] + eos_token -}}
    {%- endif -%}
    {{- '\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\n' -}}{%- endif -%}
"""

CLINICAL_TEXT = """\
Admission note. A 67-year-old woman with hypertension, type 2 diabetes mellitus and stage 3 chronic kidney disease was
brought in by her daughter after two days of shortness of breath, orthopnoea and swelling of both legs. She had
stopped her furosemide a week earlier because it kept her awake at night. She denied chest pain, fever, cough and
haemoptysis. On examination she was alert and oriented, blood pressure 168/94 mmHg, heart rate 104 beats per minute
and irregular, respiratory rate 26, oxygen saturation 89% on room air, temperature 36.8 C. The jugular venous pressure
was raised, there were bibasal crackles, a soft systolic murmur at the apex and pitting oedema to the knees. The
abdomen was soft and not tender. There was no focal neurological deficit.

Laboratory results: haemoglobin 10.9 g/dL, white cell count 7.2, platelets 231, sodium 134 mmol/L, potassium 5.1
mmol/L, creatinine 158 umol/L (baseline 140), glucose 11.3 mmol/L, NT-proBNP 6,420 ng/L, troponin 24 then 26 ng/L,
C-reactive protein 8 mg/L. The electrocardiogram showed atrial fibrillation with a ventricular rate of 108 and no
acute ischaemic changes. Chest radiograph: cardiomegaly, upper lobe venous diversion, small bilateral pleural
effusions, no focal consolidation, no pneumothorax. Impression: mild pulmonary oedema. Echocardiography: left
ventricular ejection fraction 35%, dilated left atrium, moderate mitral regurgitation, normal right ventricular
function.

Hospital course. She was treated with intravenous furosemide 40 mg twice daily, supplemental oxygen by nasal cannula
and fluid restriction, and lost 5.4 kg over four days. Bisoprolol 2.5 mg was started for rate control and apixaban 5
mg twice daily for stroke prevention. Metformin was held while the kidney function recovered, and restarted at 500 mg
before she went home. Lisinopril was continued at 10 mg once daily. On day three she had a short run of non-sustained
ventricular tachycardia with a potassium of 3.3, which was replaced. Physiotherapy found her safe to climb one flight
of stairs.

Discharge diagnosis: acute decompensated heart failure with reduced ejection fraction; new atrial fibrillation; acute
on chronic kidney injury, resolved. Discharge medications: furosemide 40 mg in the morning, bisoprolol 2.5 mg daily,
lisinopril 10 mg daily, apixaban 5 mg twice daily, metformin 500 mg twice daily, atorvastatin 40 mg at night.
Follow-up: heart failure clinic in two weeks with electrolytes and creatinine; her general practitioner will check the
blood pressure. Instructions to the patient: weigh yourself every morning, and call us when you gain more than two
kilograms in three days, when you are more breathless, or when you feel faint. Keep to less than six grams of salt a
day.

Second patient. A 34-year-old man with no previous illness presented to the emergency department with twelve hours of
pain that began around the navel and moved to the right iliac fossa, with nausea, two episodes of vomiting and loss of
appetite. He was afebrile at first and later had a temperature of 38.1 C. There was tenderness with guarding at
McBurney's point, and Rovsing's sign was positive. White cell count 14.8 with 86% neutrophils, C-reactive protein 62
mg/L, urinalysis negative. Ultrasound of the abdomen: non-compressible appendix of 9 mm with surrounding fat
stranding, no free fluid. He underwent laparoscopic appendectomy; the appendix was inflamed and not perforated.
Histology: acute suppurative appendicitis without malignancy. He was allowed to eat the same evening and went home the
next day with paracetamol and ibuprofen.

Clinic letter. Thank you for referring this 52-year-old teacher with six months of fatigue, weight gain of seven
kilograms, constipation, dry skin and intolerance of cold. Her mother had Hashimoto's thyroiditis. The thyroid was
firm and slightly enlarged without nodules, and the ankle reflexes relaxed slowly. Thyroid stimulating hormone 48
mU/L, free thyroxine 6 pmol/L, anti-thyroid peroxidase antibodies strongly positive, cholesterol 7.4 mmol/L. She has
primary hypothyroidism due to autoimmune thyroiditis. Levothyroxine 75 micrograms daily was prescribed, to be taken
before breakfast and apart from iron tablets; the dose will be adjusted after six weeks. There is no need for an
ultrasound scan at present.

Radiology. Computed tomography of the head without contrast: no intracranial haemorrhage, mass effect or midline
shift. The ventricles and sulci are normal for age. Findings: an 11 mm nodule in the right upper lobe, spiculated,
suspicious for primary malignancy; no mediastinal lymphadenopathy. Recommendation: positron emission tomography and
discussion at the lung multidisciplinary meeting. Comparison with the previous examination shows no new fracture, and
degenerative changes of the lumbar spine are unchanged.

Questions. Which drug is the first choice for this patient? Answer with the letter of the correct option: (A)
amoxicillin, (B) doxycycline, (C) vancomycin, (D) ceftriaxone. Does the premise entail, contradict or say nothing of
the hypothesis? Is the study conclusion yes, no or maybe? List the problems of this patient, each on its own line, the
most important first. Write the International Classification of Diseases codes I50.2, I48.91, N17.9, E11.22, K35.80
and E06.3 where they apply. Summarise the dialogue between doctor and patient in the sections subjective, objective,
assessment and plan. Doctor: how long have you had this cough? Patient: about three weeks now, and it is worse at
night. Doctor: do you smoke? Patient: I gave it up ten years ago. Assessment: upper airway cough syndrome, less likely
asthma. Plan: a nasal steroid spray for four weeks, spirometry if the cough persists, and return sooner with blood in
the sputum, fever or weight loss.

Nursing and other records. The wound on the left heel measures 3 by 2 cm, is clean and granulating, and was dressed
with a hydrocolloid; pressure relief every four hours. Pain score 4 of 10 before and 1 of 10 after oxycodone. Blood
cultures grew methicillin-sensitive Staphylococcus aureus, so vancomycin was changed to cefazolin 2 g every eight
hours for fourteen days through a peripherally inserted central catheter. The family met the palliative care team; the
patient chose comfort measures and do-not-resuscitate status. Psychiatry: low mood, early waking, poor concentration
and hopelessness for five weeks, no suicidal thoughts, no psychosis; sertraline 50 mg and cognitive behavioural
therapy were offered. Obstetrics: gravida 2, para 1, at 38 weeks with ruptured membranes and regular contractions;
cardiotocography reassuring, cervix dilated to 6 cm, cephalic presentation. Paediatrics: a boy of fourteen months with
barking cough, stridor at rest and mild recession improved after dexamethasone 0.15 mg/kg and nebulised adrenaline.
Oncology: cycle 3 of carboplatin and paclitaxel was postponed because of neutropenia of 0.7; granulocyte
colony-stimulating factor was added. Neurology: sudden weakness of the right arm and face with aphasia, National
Institutes of Health Stroke Scale 12, thrombolysed with alteplase 95 minutes after onset, thrombectomy of an occluded
middle cerebral artery, walking with a frame on discharge to rehabilitation.
"""


def build_tiny_model(
    folder: Path,
    *,
    seed: int = 0,
    architecture: Literal["llama", "phi3"] = "llama",
    max_length: int = 32768,
    texts: Iterable[str] | None = None,
) -> Path:
    """Write a model that `transformers` and `vllm serve` load like a real one; the same arguments give the same bytes.

    It knows nothing, but it behaves: another prompt gives another answer, many answers end by themselves, all are plain
    text without special tokens, and the best token stands clear of the second, so that float noise seldom changes one.

    :param folder: made when missing; gets config, generation config, tokenizer, chat template, one safetensors file.
    :param texts: what the tokenizer learns from, in place of the clinical notes above.
    """
    tokenizer = _tokenizer([CLINICAL_TEXT] if texts is None else texts, max_length)
    model = _model(architecture, tokenizer, max_length)
    _initialise(model, tokenizer, seed)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def _tokenizer(texts: Iterable[str], max_length: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE: any text goes through it and comes back unchanged."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, END, *ROLES],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def _model(
    architecture: Literal["llama", "phi3"], tokenizer: PreTrainedTokenizerFast, max_length: int
) -> LlamaForCausalLM | Phi3ForCausalLM:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM

    # Two heads of 32: the smallest that vLLM's attention takes on a CPU. One key-value head: queries are grouped.
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": max_length,
        "tie_word_embeddings": False,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    model: LlamaForCausalLM | Phi3ForCausalLM
    if architecture == "llama":
        model = LlamaForCausalLM(LlamaConfig(**shape))
    elif architecture == "phi3":
        model = Phi3ForCausalLM(Phi3Config(**shape, original_max_position_embeddings=max_length))
    else:
        raise ValueError(f"no tiny model of architecture {architecture!r}: take 'llama' or 'phi3'")
    model.to(torch.float32)
    model.generation_config = GenerationConfig(
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        do_sample=False,
    )
    return model


def _initialise(model: LlamaForCausalLM | Phi3ForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    """Give every weight matrix a scale at which the context counts, and make the unwanted tokens impossible."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if weight.ndim < 2:
                weight.fill_(1.0)
            else:
                std = EMBEDDING_STD if "embed" in name or "lm_head" in name else LAYER_STD
                weight.normal_(std=std, generator=generator)
        head = model.lm_head.weight
        for token in range(len(tokenizer)):
            # A row of zeros has the logit 0, far below the best of the others.
            if token == tokenizer.eos_token_id:
                head[token] *= END_SCALE
            elif token in tokenizer.all_special_ids or not _is_plain(tokenizer.decode([token])):
                head[token] = 0.0


def _is_plain(text: str) -> bool:
    """Whether a token is text by itself: no part of a character, no control character, no role marker."""
    return "\ufffd" not in text and text not in ROLES and text.replace("\n", " ").isprintable()
