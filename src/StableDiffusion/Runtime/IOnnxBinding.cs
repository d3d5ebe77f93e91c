using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>Inputs and an output that are bound to a network for many runs.</summary>
internal interface IOnnxBinding : IDisposable
{
    /// <summary>Runs the network over what the buffers of the inputs hold now; the buffer of the output then holds what it says.</summary>
    void Run(RunOptions options);
}
