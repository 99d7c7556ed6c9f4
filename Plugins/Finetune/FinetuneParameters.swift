import IntrayCore
import Models
import Tensors
import Training

/// `with:` of a finetune spec.
struct FinetuneParameters: Decodable {
  var model: String
  var head: Head
  var maxLength: Int
  var epochs: Int
  var batchSize: Int
  var accumulate: Int
  var learningRate: Double
  var headLearningRate: Double
  var layerDecay: Double
  var weightDecay: Double
  var warmup: Double
  var clip: Double
  var dropout: Double
  var validation: Double
  var folds: Int?
  var seed: Int
  var checkpointSeconds: Double
  var precision: PrecisionChoice
  var memory: Memory

  func plan(_ precision: Precision) -> TrainingPlan {
    TrainingPlan(
      epochs: epochs, batchSize: batchSize, accumulate: accumulate, learningRate: learningRate,
      headLearningRate: headLearningRate, layerDecay: layerDecay, weightDecay: weightDecay, warmup: warmup, clip: clip,
      seed: UInt64(seed), precision: precision)
  }
}

extension Finetune {
  static let parameterSchema: JSONValue = [
    "type": "object",
    "additionalProperties": false,
    "required": ["model"],
    "properties": [
      "model": [
        "type": "string", "format": "model",
        "description": "The pretrained model: a name in the model store, or the absolute path of a folder.",
      ],
      "head": [
        "type": "string", "enum": ["mean", "pooler"], "default": "mean",
        "description":
          "What the classifier reads: the mean over all tokens, or BERT's pooler over the first (opens in transformers).",
      ],
      "max_length": [
        "type": "integer", "minimum": 3, "maximum": 100_000, "default": 256,
        "description": "Tokens per row, special tokens included; longer texts are cut, the longer one of a pair first.",
      ],
      "epochs": [
        "type": "integer", "minimum": 1, "maximum": 1000, "default": 3, "description": "Passes over the rows.",
      ],
      "batch_size": [
        "type": "integer", "minimum": 1, "maximum": 4096, "default": 16, "description": "Rows per forward pass.",
      ],
      "accumulate": [
        "type": "integer", "minimum": 1, "maximum": 4096, "default": 1,
        "description": "Batches whose gradients make one optimiser step.",
      ],
      "learning_rate": [
        "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.0001,
        "description": "Of the encoder's top layer. Large models want 2e-5; far above 4e-4 training collapses.",
      ],
      "head_learning_rate": [
        "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.001, "description": "Of the head.",
      ],
      "layer_decay": [
        "type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.95,
        "description": "Each layer learns at this share of the rate of the layer above it.",
      ],
      "weight_decay": [
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.01, "description": "AdamW's decoupled weight decay.",
      ],
      "warmup": [
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.06,
        "description": "Share of the steps in which the learning rate climbs; it falls linearly from there.",
      ],
      "clip": [
        "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000, "default": 1,
        "description": "The gradient's greatest norm.",
      ],
      "dropout": [
        "type": "number", "minimum": 0, "maximum": 0.95, "default": 0.3, "description": "Before the classifier.",
      ],
      "validation": [
        "type": "number", "minimum": 0, "maximum": 0.9, "default": 0.1,
        "description":
          "Share of train to choose the best epoch by; 0 keeps the last. Not used with folds or a validation file.",
      ],
      "folds": [
        "type": "integer", "minimum": 2, "maximum": 100,
        "description": "Train one model per fold, each from the pretrained weights; test logits are averaged.",
      ],
      "seed": [
        "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991, "default": 42,
        "description": "The same seed gives the same bytes.",
      ],
      "precision": [
        "type": "string", "enum": ["auto", "fp32", "bf16"], "default": "auto",
        "description":
          "What is multiplied: bf16 is twice as fast on CPUs with AVX512-BF16; auto takes it there, and fp32 elsewhere.",
      ],
      "memory": [
        "type": "string", "enum": ["normal", "low"], "default": "normal",
        "description":
          "low keeps less for the backward pass and computes it once more: a third slower, the same numbers.",
      ],
      "checkpoint_seconds": [
        "type": "number", "minimum": 0, "maximum": 86400, "default": 60,
        "description": "The longest time of training that a crash can cost.",
      ],
    ],
  ]
}
