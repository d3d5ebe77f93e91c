namespace StableDiffusion.Tests;

/// <summary>The golden models on the CPU, each opened once for all tests of a class.</summary>
public sealed class Pipelines : IDisposable
{
    private readonly Dictionary<string, TextToImagePipeline> _open = [];

    public TextToImagePipeline Of(string model)
    {
        if (!_open.TryGetValue(model, out var pipeline))
        {
            pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", model), new PipelineOptions { Device = ExecutionDevice.Cpu });
            _open.Add(model, pipeline);
        }

        return pipeline;
    }

    public void Dispose()
    {
        foreach (var pipeline in _open.Values)
        {
            pipeline.Dispose();
        }
    }
}
