using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>The buffers of one session run of the UNet.</summary>
internal sealed record UNetCall(IReadOnlyList<OnnxBuffer> Inputs, OnnxBuffer Sample, OnnxBuffer Timestep, OnnxBuffer Output, IReadOnlyList<OnnxBuffer> Residuals, int Rows)
    : IDisposable
{
    /// <summary>All of these bound to the whole network; null where it is given them at each run.</summary>
    public IOnnxBinding? Binding { get; init; }

    private IDisposableReadOnlyCollection<OrtValue>? _outputs;
    private int? _step;

    /// <summary>Runs the whole network, or its outer layers with what was further in at an earlier step of the same interval.</summary>
    public void Run(OnnxModel whole, OnnxModel? shallow, DenoisingCall which, CancellationToken cancellation)
    {
        if (Binding is not null)
        {
            whole.Run(Binding, cancellation);
        }
        else if (shallow is null)
        {
            whole.Run(Inputs, [Output], cancellation);
        }
        else if (_outputs is not null && which.MayReuse(_step))
        {
            shallow.Run(Inputs, [Output], cancellation, (DeepCacheEdit.Feature, _outputs[1]));
        }
        else
        {
            _outputs?.Dispose();
            _outputs = null;
            _outputs = whole.RunToValues(Inputs, [Output.Name, DeepCacheEdit.Feature], cancellation);
            _step = which.Step;
            Output.Take(_outputs[0]);
            return;
        }

        Output.Download();
    }

    public void Dispose()
    {
        Binding?.Dispose();
        _outputs?.Dispose();
        foreach (var input in Inputs)
        {
            input.Dispose();
        }

        Output.Dispose();
    }
}

/// <summary>A number of rows through the UNet again and again: in one call, or in several where the export fixes the batch.</summary>
internal sealed class UNetBatch(OnnxModel model, OnnxModel? shallow, IReadOnlyList<UNetCall> calls, int rows) : IResidualBatch
{
    public Span<float> Input(int row)
    {
        var (call, index, rowsOfCall) = Locate(row);
        return Slice(calls[call].Sample.Floats, index, rowsOfCall);
    }

    public ReadOnlySpan<float> Output(int row)
    {
        var (call, index, rowsOfCall) = Locate(row);
        return Slice(calls[call].Output.Floats, index, rowsOfCall);
    }

    public int Residuals => calls[0].Residuals.Count;

    public int ResidualChannels(int place) => (int)calls[0].Residuals[place].Shape[1];

    public Span<float> Residual(int place, int row)
    {
        var (call, index, rowsOfCall) = Locate(row);
        return Slice(calls[call].Residuals[place].Floats, index, rowsOfCall);
    }

    public void Run(DenoisingCall which, CancellationToken cancellation)
    {
        foreach (var call in calls)
        {
            for (var spare = call.Rows; spare < call.Sample.Shape[0]; spare++)
            {
                Input(rows - 1).CopyTo(Slice(call.Sample.Floats, spare, (int)call.Sample.Shape[0]));
            }

            call.Sample.Upload();
            call.Timestep.Floats.Fill(which.Timestep);
            call.Timestep.Upload();
            foreach (var residual in call.Residuals)
            {
                residual.Upload();
            }

            call.Run(model, shallow, which, cancellation);
        }
    }

    /// <summary>Runs the network for the rows of one call, and gives what further outputs say.</summary>
    public IReadOnlyList<(float[] Values, long[] Shape)> Run(DenoisingCall which, IReadOnlyList<string> outputs, CancellationToken cancellation)
    {
        var call = calls[0];
        call.Sample.Upload();
        call.Timestep.Floats.Fill(which.Timestep);
        call.Timestep.Upload();
        return model.Run(call.Inputs, outputs, cancellation);
    }

    public void Dispose()
    {
        foreach (var call in calls)
        {
            call.Dispose();
        }
    }

    private (int Call, int Index, int RowsOfCall) Locate(int row)
    {
        var size = (int)calls[0].Sample.Shape[0];
        return (row / size, row % size, size);
    }

    private static Span<float> Slice(Span<float> values, int row, int rows)
    {
        var each = values.Length / rows;
        return values.Slice(row * each, each);
    }
}
