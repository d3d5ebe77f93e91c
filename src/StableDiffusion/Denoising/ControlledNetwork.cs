namespace StableDiffusion;

/// <summary>A UNet that control networks guide: each runs before it, and what they say is summed and added inside it.</summary>
/// <param name="inner">The UNet; others own it.</param>
/// <param name="controls">The control networks; others own them.</param>
/// <param name="guess">
/// Whether they see the prompt's rows alone and count less the shallower the place: diffusers' <c>guess_mode</c>.
/// </param>
/// <param name="pixelsPerLatent">Pixels along one side of a latent.</param>
internal sealed class ControlledNetwork(
    IDenoisingNetwork inner, IReadOnlyList<(ControlNetwork Network, Control Control)> controls, bool guess, int pixelsPerLatent) : IDenoisingNetwork
{
    public string Name => inner.Name;

    public IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width)
    {
        int[] guided = [.. Enumerable.Range(0, rows.Count).Where(row => !guess || !rows[row].LeadsAway)];
        var batches = guided.Length == 0 ? [] : controls.Select(one =>
        {
            var (pictureHeight, pictureWidth) = (height * pixelsPerLatent, width * pixelsPerLatent);
            var pixels = ImageProcessor.ControlImage(one.Control.Image, pictureWidth, pictureHeight);
            return (one.Network.Prepare([.. guided.Select(row => rows[row])], height, width, (pixels, pictureHeight, pictureWidth), (float)one.Control.Strength), one.Network.IsPooled, one.Control);
        }).ToList();
        return new ControlledBatch((IResidualBatch)inner.Prepare(rows, height, width), batches, guided, guess, rows.Count);
    }

    public void Dispose()
    {
        // What is wrapped belongs to others.
    }

    private sealed class ControlledBatch(
        IResidualBatch inner, IReadOnlyList<(ControlNetwork.Batch Batch, bool IsPooled, Control Control)> controls, int[] guided, bool guess, int rows) : IDenoisingBatch
    {
        public Span<float> Input(int row) => inner.Input(row);

        public ReadOnlySpan<float> Output(int row) => inner.Output(row);

        public void Run(DenoisingCall call, CancellationToken cancellation)
        {
            for (var place = 0; place < inner.Residuals; place++)
            {
                for (var row = 0; row < rows; row++)
                {
                    inner.Residual(place, row).Clear();
                }
            }

            foreach (var (batch, isPooled, _) in controls.Where(one => one.Control.IsOnAt(call.Index, call.Count)))
            {
                for (var i = 0; i < guided.Length; i++)
                {
                    var input = batch.Input(i);
                    inner.Input(guided[i])[..input.Length].CopyTo(input);
                }

                batch.Run(call.Timestep, cancellation);
                Add(batch, isPooled);
            }

            inner.Run(call, cancellation);
        }

        public void Dispose()
        {
            inner.Dispose();
            foreach (var (batch, _, _) in controls)
            {
                batch.Dispose();
            }
        }

        private void Add(ControlNetwork.Batch batch, bool isPooled)
        {
            for (var place = 0; place < inner.Residuals; place++)
            {
                var weight = guess && !isPooled ? MathF.Pow(10, -1 + ((float)place / (inner.Residuals - 1))) : 1;
                for (var i = 0; i < guided.Length; i++)
                {
                    batch.AddTo(inner.Residual(place, guided[i]), inner.ResidualChannels(place), place, i, weight);
                }
            }
        }
    }
}
