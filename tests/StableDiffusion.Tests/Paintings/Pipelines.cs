namespace StableDiffusion.Tests;

/// <summary>The golden models on the CPU, each opened once for all tests of a class.</summary>
public sealed class Pipelines : IDisposable
{
    private readonly Dictionary<string, TextToImagePipeline> _open = [];

    public TextToImagePipeline Of(string model) => In(Goldens.PathOf("models", model));

    /// <summary>The model of a folder.</summary>
    public TextToImagePipeline In(string folder)
    {
        if (!_open.TryGetValue(folder, out var pipeline))
        {
            pipeline = TextToImagePipeline.Load(folder, new PipelineOptions { Device = ExecutionDevice.Cpu });
            _open.Add(folder, pipeline);
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
