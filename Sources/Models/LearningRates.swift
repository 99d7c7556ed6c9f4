import Foundation
import IntrayCore
import Optimizers
import Tensors

/// Layer-wise learning rates (Howard and Ruder 2018; Sun et al. 2019): the top layer gets the base rate, each layer below
/// `decay` times the one above, the embeddings what would come below the first layer. The head has its own rate; BERT's
/// pooler, which is pretrained, has the base rate.
public enum LearningRates {
  /// Groups from the embeddings up to the head. Weight decay applies to all parameters.
  /// - Throws: `IntrayError(.bug)` when a parameter is in no group: it would never be trained.
  public static func groups(
    for model: SequenceClassifier, encoder rate: Double, head headRate: Double, decay: Double,
    weightDecay: Double = 0.01
  ) throws -> [AdamW.Group] {
    let layers = model.configuration.layers
    var places = [(name: "embeddings", prefix: "bert.embeddings.", rate: rate * pow(decay, Double(layers)))]
    for layer in 0..<layers {
      places.append(
        ("encoder.layer.\(layer)", "bert.encoder.layer.\(layer).", rate * pow(decay, Double(layers - 1 - layer))))
    }
    places.append(("pooler", "bert.pooler.", rate))
    places.append(("classifier", "classifier.", headRate))
    return try groups(of: model.parameters, places: places, weightDecay: weightDecay)
  }

  private static func groups(
    of parameters: [Parameter], places: [(name: String, prefix: String, rate: Double)], weightDecay: Double
  ) throws -> [AdamW.Group] {
    var groups = places.map {
      AdamW.Group(name: $0.name, parameters: [], learningRate: $0.rate, weightDecay: weightDecay)
    }
    for parameter in parameters {
      guard let place = places.firstIndex(where: { parameter.name.hasPrefix($0.prefix) }) else {
        throw IntrayError(.bug, "the parameter \(parameter.name) is in no learning-rate group")
      }
      groups[place].parameters.append(parameter)
    }
    return groups.filter { !$0.parameters.isEmpty }
  }
}
