using EmoStream.Inference.Bundle;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace EmoStream.Inference.Sessions;

/// <summary>What a model must take or give. A side of -1 must be free in the model, one of 0 may be anything; another must be equal or free.</summary>
internal sealed record TensorSpec(string Name, TensorElementType Type, params int[] Shape);

/// <summary>An ONNX session whose inputs and outputs were checked against what the bundle says, run by one thread at a time.</summary>
internal sealed class OnnxModel : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly string[] _inputs;
    private readonly string[] _outputs;

    /// <param name="bundle">Where the file lies.</param>
    /// <param name="file">The model.</param>
    /// <param name="providers">What to run on.</param>
    /// <param name="inputs">All that the model takes.</param>
    /// <param name="outputs">What it must give, in the order of <see cref="Run(OrtValue[], OrtValue[])"/>.</param>
    /// <param name="extras">What it may give; a run computes them only when asked to.</param>
    public OnnxModel(ModelBundle bundle, string file, ExecutionProviders providers, TensorSpec[] inputs, TensorSpec[] outputs, params TensorSpec[] extras)
    {
        try
        {
            (_session, Provider) = providers.Open(bundle.PathOf(file), file);
        }
        catch (OnnxRuntimeException e)
        {
            throw new BundleException($"{file}: expected a model that ONNX Runtime can load: {e.Message}", e);
        }

        try
        {
            Check(file, "input", inputs, _session.InputMetadata);
            Check(file, "output", [.. outputs, .. extras.Where(spec => Gives(spec.Name))], _session.OutputMetadata);
        }
        catch
        {
            _session.Dispose();
            throw;
        }

        _inputs = [.. inputs.Select(spec => spec.Name)];
        _outputs = [.. outputs.Select(spec => spec.Name)];
    }

    /// <summary>What the session runs on: <see cref="ExecutionProviders.Cpu"/> or <see cref="ExecutionProviders.Cuda"/>.</summary>
    public string Provider { get; }

    /// <summary>Whether the model has this output.</summary>
    public bool Gives(string output) => _session.OutputMetadata.ContainsKey(output);

    /// <summary>Runs into preallocated outputs; the tensors, in the order of the specs, are released.</summary>
    public void Run(OrtValue[] inputs, OrtValue[] outputs)
    {
        try
        {
            _session.Run(_runOptions, _inputs, inputs, _outputs, outputs);
        }
        finally
        {
            Array.ForEach(inputs, tensor => tensor.Dispose());
            Array.ForEach(outputs, tensor => tensor.Dispose());
        }
    }

    /// <summary>Runs for the named outputs, into memory that the caller releases; the inputs are released.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(OrtValue[] inputs, string[] names)
    {
        try
        {
            return _session.Run(_runOptions, _inputs, inputs, names);
        }
        finally
        {
            Array.ForEach(inputs, tensor => tensor.Dispose());
        }
    }

    public void Dispose()
    {
        _runOptions.Dispose();
        _session.Dispose();
    }

    private static void Check(string file, string kind, TensorSpec[] specs, IReadOnlyDictionary<string, NodeMetadata> actual)
    {
        foreach (var spec in specs)
        {
            if (!actual.TryGetValue(spec.Name, out var found))
            {
                throw new BundleException($"{file}: expected an {kind} '{spec.Name}' {Describe(spec.Type, spec.Shape)}; it has {string.Join(", ", actual.Keys)}.");
            }

            if (found.ElementDataType != spec.Type || !Fits(spec.Shape, found.Dimensions))
            {
                throw new BundleException($"{file}: {kind} '{spec.Name}': expected {Describe(spec.Type, spec.Shape)}, found {Describe(found.ElementDataType, found.Dimensions)}.");
            }
        }

        // An output we do not know costs nothing; an input we do not feed fails every run.
        if (kind == "input" && actual.Keys.Except(specs.Select(spec => spec.Name)).FirstOrDefault() is { } unknown)
        {
            throw new BundleException($"{file}: input '{unknown}': expected only {string.Join(", ", specs.Select(spec => spec.Name))}.");
        }
    }

    private static bool Fits(int[] expected, int[] found)
        => expected.Length == found.Length && expected.Zip(found).All(pair => pair.First == 0 || pair.Second == -1 || pair.First == pair.Second);

    private static string Describe(TensorElementType type, int[] shape)
        => $"{type}[{string.Join(',', shape.Select(side => side is -1 or 0 ? "?" : side.ToString(System.Globalization.CultureInfo.InvariantCulture)))}]";
}
