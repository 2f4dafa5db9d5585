package chaincode

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"domicile/chaincode/record"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// getMetadata is the one function of the contract API's own that may be called.
const getMetadata = contractapi.SystemContractName + ":GetMetadata"

// Chaincode is the contract as a peer sees it. It is safe for concurrent use.
type Chaincode struct {
	inner   *contractapi.ContractChaincode
	crashes io.Writer
}

// Option changes how [New] makes a [Chaincode].
type Option func(*Chaincode, *contract)

// WithPeerMSP says how to learn the MSP id of the peer that the contract runs
// for. Defaults to [shim.GetMSPID], the environment variable
// CORE_PEER_LOCALMSPID. Tests that run several peers in one process need another.
func WithPeerMSP(f func() (string, error)) Option {
	return func(_ *Chaincode, c *contract) { c.peerMSP = f }
}

// WithCrashLog says where the call frames of a recovered panic go; values are
// never among them. Defaults to standard error.
func WithCrashLog(w io.Writer) Option {
	return func(cc *Chaincode, _ *contract) { cc.crashes = w }
}

// New returns the contract.
func New(opts ...Option) (*Chaincode, error) {
	c := &contract{peerMSP: shim.GetMSPID, policies: newCache()}
	c.Name = record.DefaultChaincode
	c.Info.Title = "Domicile"
	c.Info.Version = fmt.Sprint(record.Version)
	cc := &Chaincode{crashes: os.Stderr}
	for _, o := range opts {
		o(cc, c)
	}
	inner, err := contractapi.NewChaincode(c)
	if err != nil {
		return nil, fmt.Errorf("contract API: %w", err)
	}
	inner.DefaultContract = c.Name
	cc.inner = inner
	return cc, nil
}

// Init refuses: the contract needs no initialisation, and Fabric forbids private
// data in it.
func (cc *Chaincode) Init(shim.ChaincodeStubInterface) *peer.Response {
	return refuse(record.Fail(record.CodeBadFunction, "Init is not a function of this contract"))
}

// Invoke runs one function. Names and arities must be exactly those of
// [record.Functions]: the contract API alone would take "contract:function",
// lower-case names and surplus arguments, which all end in blocks. A panic is
// answered with [record.CodeInternal].
func (cc *Chaincode) Invoke(stub shim.ChaincodeStubInterface) (resp *peer.Response) {
	defer func() {
		if p := recover(); p != nil {
			cc.logFrames()
			resp = refuse(record.Fail(record.CodeInternal, "the contract crashed; see its log for the place"))
		}
	}()
	args := stub.GetArgs()
	if len(args) == 0 {
		return refuse(record.Fail(record.CodeBadFunction, "no function named"))
	}
	arity, ok := record.Functions[string(args[0])]
	if !ok && string(args[0]) != getMetadata {
		return refuse(record.Fail(record.CodeBadFunction, "no function has exactly this name"))
	}
	if len(args)-1 != arity {
		return refuse(record.Fail(record.CodeBadFunction, fmt.Sprintf("the function takes %d arguments, not %d", arity, len(args)-1)))
	}
	resp = cc.inner.Invoke(stub)
	if resp.GetStatus() >= shim.ERRORTHRESHOLD && !coded(resp.GetMessage()) {
		return refuse(record.Fail(record.CodeInternal, "the contract API refused the call"))
	}
	return resp
}

func refuse(err *record.Error) *peer.Response { return shim.Error(err.Error()) }

// coded reports whether a message begins with one of our codes. Others may hold
// values: the contract API repeats bad arguments.
func coded(message string) bool {
	e, ok := record.ParseError(message)
	return ok && len(message) > len(e.Code) && message[:len(e.Code)] == string(e.Code)
}

// logFrames writes the functions and lines of the crash, without arguments and
// without the panic's value, which may hold a resource.
func (cc *Chaincode) logFrames() {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	fmt.Fprintln(cc.crashes, "contract crashed at:")
	for {
		f, more := frames.Next()
		fmt.Fprintf(cc.crashes, "  %s:%d\n", f.Function, f.Line)
		if !more {
			return
		}
	}
}
