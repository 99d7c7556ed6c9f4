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
    try groups(
      of: model.parameters, layers: model.configuration.layers, encoder: rate, head: headRate, decay: decay,
      weightDecay: weightDecay)
  }

  /// The same for the parameters of an encoder with so many layers.
  public static func groups(
    of parameters: [Parameter], layers: Int, encoder rate: Double, head headRate: Double, decay: Double,
    weightDecay: Double = 0.01
  ) throws -> [AdamW.Group] {
    var places = [(name: "embeddings", prefix: "bert.embeddings.", rate: rate * pow(decay, Double(layers)))]
    for layer in 0..<layers {
      places.append(
        ("encoder.layer.\(layer)", "bert.encoder.layer.\(layer).", rate * pow(decay, Double(layers - 1 - layer))))
    }
    places.append(("pooler", "bert.pooler.", rate))
    places.append(("classifier", "classifier.", headRate))
    return try groups(of: parameters, places: places, weightDecay: weightDecay)
  }

  /// How each parameter learns, in the order of `parameters`: the group that the optimiser has it in.
  /// - Throws: `IntrayError(.bug)` when a parameter is in no group, and would never be trained, or in more than one, and
  ///   would be stepped twice.
  public static func rates(
    of parameters: [Parameter], in groups: [AdamW.Group]
  ) throws -> [(parameter: Parameter, group: AdamW.Group)] {
    var places: [ObjectIdentifier: [Int]] = [:]
    for (index, group) in groups.enumerated() {
      for parameter in group.parameters { places[ObjectIdentifier(parameter), default: []].append(index) }
    }
    return try parameters.map { parameter in
      let places = places[ObjectIdentifier(parameter)] ?? []
      guard let place = places.first else { throw missing(parameter) }
      guard places.count == 1 else {
        let names = places.map { groups[$0].name }.joined(separator: ", ")
        throw IntrayError(
          .bug, "the parameter \(parameter.name) is in \(places.count) learning-rate groups: \(names)")
      }
      return (parameter, groups[place])
    }
  }

  private static func missing(_ parameter: Parameter) -> IntrayError {
    IntrayError(.bug, "the parameter \(parameter.name) is in no learning-rate group, so it would never be trained")
  }

  private static func groups(
    of parameters: [Parameter], places: [(name: String, prefix: String, rate: Double)], weightDecay: Double
  ) throws -> [AdamW.Group] {
    var groups = places.map {
      AdamW.Group(name: $0.name, parameters: [], learningRate: $0.rate, weightDecay: weightDecay)
    }
    for parameter in parameters {
      guard let place = places.firstIndex(where: { parameter.name.hasPrefix($0.prefix) }) else {
        throw missing(parameter)
      }
      groups[place].parameters.append(parameter)
    }
    return groups.filter { !$0.parameters.isEmpty }
  }
}
