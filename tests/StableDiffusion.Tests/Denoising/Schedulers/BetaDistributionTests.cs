namespace StableDiffusion.Tests;

public class BetaDistributionTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(0.5, 0.5)]
    [InlineData(2, 1)]
    public void The_quantiles_are_those_known_in_closed_form(double a, double b)
    {
        for (var p = 0.0; p <= 1; p += 1 / 64.0)
        {
            // Uniform: x = p. Arcsine (1/2, 1/2): x = sin²(πp/2). Beta(2, 1) has the distribution x².
            var expected = (a, b) switch
            {
                (1, 1) => p,
                (2, 1) => Math.Sqrt(p),
                _ => Math.Pow(Math.Sin(Math.PI * p / 2), 2),
            };
            Assert.Equal(expected, BetaDistribution.Quantile(p, a, b), 1e-13);
        }
    }

    [Fact]
    public void The_quantiles_of_equal_parameters_mirror_at_one_half()
    {
        Assert.Equal(0.5, BetaDistribution.Quantile(0.5, 0.6, 0.6), 1e-14);
        for (var p = 0.01; p < 0.5; p += 0.01)
        {
            Assert.Equal(1, BetaDistribution.Quantile(p, 0.6, 0.6) + BetaDistribution.Quantile(1 - p, 0.6, 0.6), 1e-13);
        }
    }

    [Fact]
    public void A_quantile_s_share_is_the_share_asked_for()
    {
        for (var p = 0.001; p < 1; p += 0.013)
        {
            Assert.Equal(p, BetaDistribution.Cumulative(BetaDistribution.Quantile(p, 0.6, 0.6), 0.6, 0.6), 1e-12);
        }
    }
}
